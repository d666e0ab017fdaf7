/* SPDX-License-Identifier: MIT */
/*
 * Conventional PCI (PCI Local Bus Specification 3.0, "PCI" below; PCI-to-PCI
 * Bridge Architecture Specification 1.2, "PPB").
 *
 * A function is a device whose type has a PciInfo. Its configuration space is a
 * byte array with a mask of what a guest may write; the header, the capability
 * list and the registers of PciInfo.config are laid into it when the function
 * is attached, and reset restores what was laid. Banks with `bar` set become
 * base address registers. The function's DMA goes through its own bus-master
 * space, which is empty while the guest has bus mastering off.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/core/bus.h"
#include "hw/pci/regs.h"

typedef struct PciDevice PciDevice;
typedef struct PciBus PciBus;
typedef struct PciInfo PciInfo;

#define PCI_BARS 6
#define PCI_ROM_SLOT PCI_BARS   /* the expansion ROM among the base addresses */
#define PCI_PINS 4              /* INTA# to INTD# */

#define PCI_DEVFN(slot, function) ((slot) << 3 | (function))
#define PCI_SLOT(devfn)           ((devfn) >> 3 & 31)
#define PCI_FUNCTION(devfn)       ((devfn) & 7)

/* ---- describing a function ---- */

/* A capability whose registers lie at offsets from its start; offset 0 is its id. */
typedef struct PciCapabilityInfo {
    uint8_t id;
    uint8_t offset;             /* in configuration space, a multiple of 4 */
    uint8_t size;               /* bytes with the id and the link, at least 2 */
    RegisterTable registers;
} PciCapabilityInfo;

typedef struct PciCapabilityTable {
    const PciCapabilityInfo *at;
    unsigned count;
} PciCapabilityTable;

/* PCI 6.8.1. */
typedef struct PciMsiInfo {
    uint8_t vectors;            /* 1, 2, 4, 8, 16 or 32; 0: no MSI */
    uint8_t offset;             /* of the capability; 0: the next that is free */
    bool wide;                  /* 64-bit message address */
    bool maskable;              /* per-vector masking */
} PciMsiInfo;

/* PCI 6.8.2. Table and PBA lie in banks of kind BANK_CONTAINER that are BARs. */
typedef struct PciMsixInfo {
    uint16_t vectors;           /* 1 to 2048; 0: no MSI-X */
    uint8_t offset;             /* of the capability; 0: the next that is free */
    uint8_t table_bank, pba_bank;
    uint32_t table_offset, pba_offset; /* multiples of 8 */
    uint16_t (*vectors_of)(PciDevice *pci);  /* when properties say */
} PciMsixInfo;

/*
 * Registers of `config`: offset in configuration space, storage always the
 * configuration space itself (no FIELD), width `size` (0: 1). They may restate
 * header registers that a chip has otherwise than the standard. The read,
 * write and wrote hooks work as in a bank; a write hook stores by
 * pci_config_store().
 */
struct PciInfo {
    uint16_t vendor, device;
    uint8_t revision;
    uint32_t class_code;        /* base class, sub-class, interface: 24 bits */
    uint16_t subsystem_vendor, subsystem;  /* both 0: 1af4:1100 */
    uint8_t interrupt_pin;      /* 1 to 4 for INTA# to INTD#; 0: none */
    uint16_t status;            /* constant bits of the status register */
    bool bridge;                /* header type 1 */
    bool multifunction;         /* function 0 of a chip that has more */
    RegisterTable config;
    PciCapabilityTable capabilities;
    PciMsiInfo msi;
    PciMsixInfo msix;
    const char *romfile;        /* the default of the romfile property */
    /* The space is laid out, nothing is mapped: what properties change in it. May fail. */
    bool (*configure)(PciDevice *pci, GError **error);
    /* After every write, besides the hooks of registers; inside the map's transaction. */
    void (*config_wrote)(PciDevice *pci, unsigned offset, unsigned size);
};

/* ---- a function ---- */

typedef struct PciBar {
    bool present, io, wide, prefetch;
    bool enabled;               /* decoded now */
    uint64_t size;              /* a power of two */
    uint64_t address;           /* while it is decoded */
    unsigned bank;              /* of the device; the ROM has none */
} PciBar;

struct PciDevice {
    Device device;

    /* Properties. */
    int32_t devfn;              /* -1: the first free slot */
    bool multifunction;
    char *romfile;
    uint32_t romsize;
    uint32_t rombar;

    uint8_t config[PCI_CONFIG_SIZE];
    bool intx_level;            /* what the function asks for */

    /* Made by attach. */
    uint8_t *writable, *clears, *reset_config;  /* PCI_CONFIG_SIZE each */
    uint8_t *fixed;             /* bits that loaded state must agree in */
    PciBar bars[PCI_BARS + 1];
    MemoryRegion *rom;
    RamBlock *rom_block;
    MemoryRegion *master, *master_alias;
    AddressSpace *dma;
    bool intx_driven;           /* counted on the bus */
    bool attached;
    bool hooks;                 /* some register has hooks */
    uint8_t msi_cap, msix_cap;  /* offsets of the capabilities; 0: none */
    uint16_t msix_vectors;
    uint8_t *msix_table, *msix_pba;
    MemoryRegion *msix_table_region, *msix_pba_region;
};

#define PCI_DEVICE(pointer) ((PciDevice *)(pointer))

static inline const PciInfo *pci_info(const PciDevice *pci)
{
    return device_type(&pci->device)->pci;
}

static inline PciBus *pci_bus_of(const PciDevice *pci)
{
    return (PciBus *)pci->device.bus;
}

extern const DeviceType pci_device_type;   /* "pci-device" */
extern const BusType pci_bus_type;         /* "PCI" */
extern const DeviceType pci_bridge_type;   /* "pci-bridge" */

/* ---- for functions ---- */

/* What the configuration space holds; size 1, 2 or 4. No hooks, no masks. */
uint32_t pci_config_load(const PciDevice *pci, unsigned offset, unsigned size);
void pci_config_store(PciDevice *pci, unsigned offset, unsigned size, uint32_t value);
/* From .configure: also what reset restores, and what a guest may write. */
void pci_config_set(PciDevice *pci, unsigned offset, unsigned size, uint32_t value);
void pci_config_set_writable(PciDevice *pci, unsigned offset, unsigned size, uint32_t mask);

/*
 * Adds a capability in front of the list and returns its offset, or 0 with an
 * error when it does not fit. From .configure only.
 */
unsigned pci_capability_add(PciDevice *pci, uint8_t id, uint8_t offset, uint8_t size,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Offset of the capability, or 0. */
unsigned pci_capability_find(const PciDevice *pci, uint8_t id);

/* The level of the function's interrupt pin. Cheap when it stays. */
void pci_intx_set(PciDevice *pci, bool level);

bool pci_msi_enabled(const PciDevice *pci);
bool pci_msix_enabled(const PciDevice *pci);
/* Vectors that the guest allots by MSI; 1 at least while MSI is on. */
unsigned pci_msi_allotted(const PciDevice *pci);

typedef struct PciMessage {
    uint64_t address;
    uint32_t data;
} PciMessage;

/*
 * Sends the message of a vector by MSI-X or MSI, whichever is on; a masked one
 * becomes pending. False when neither is on: the function then uses its pin.
 */
bool pci_message_signal(PciDevice *pci, unsigned vector);
/* The message of a vector as it stands; false when neither is on or it is masked. */
bool pci_message_get(const PciDevice *pci, unsigned vector, PciMessage *message);

/* Bus number now in force, and the function's requester id. */
unsigned pci_bus_number(const PciBus *bus);
uint16_t pci_requester_id(const PciDevice *pci);

/* "04.0", "4" or "0x4.1" to a devfn. */
bool pci_address_parse(const char *text, int32_t *devfn, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- for host bridges ---- */

typedef struct PciHostOps {
    /* Which of the host's interrupt lines a pin of a slot on the root bus goes to. */
    unsigned (*line_of)(PciBus *bus, unsigned slot, unsigned pin);
    void (*set_line)(PciBus *bus, unsigned line, bool level);
} PciHostOps;

struct PciBus {
    Bus bus;
    PciDevice *devices[256];    /* by devfn */
    PciDevice *bridge;          /* the bridge that it is behind, or NULL */
    const PciHostOps *host;     /* of a root bus */
    MemoryRegion *upstream;     /* what bus masters on it reach */
    uint16_t intx_high[PCI_PINS]; /* how many drive each line */
};

#define PCI_BUS(pointer) ((PciBus *)(pointer))

/* Makes the bus a root bus; from the host bridge's .prepare. */
void pci_bus_init_root(PciBus *bus, const PciHostOps *host, MemoryRegion *upstream);

/*
 * A configuration cycle that the host bridge of a root bus makes: type 0 on its
 * own bus, type 1 passed down by the bridges. `size` is 1, 2 or 4, offset
 * below 256 and within one double word. Nobody there reads as all ones.
 */
uint32_t pci_host_config_read(PciBus *root, unsigned bus, unsigned devfn, unsigned offset,
                              unsigned size);
void pci_host_config_write(PciBus *root, unsigned bus, unsigned devfn, unsigned offset,
                           unsigned size, uint32_t value);

/* A function's configuration space as such a cycle reaches it. */
uint32_t pci_config_read(PciDevice *pci, unsigned offset, unsigned size);
void pci_config_write(PciDevice *pci, unsigned offset, unsigned size, uint32_t value);

/* `info pci`. */
void pci_print(PciBus *root, GString *out);

#endif

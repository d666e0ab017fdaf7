/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers as MSRs: SDM volume 3, 11.12.1, table 11-6. Register
 * number N is what the page has at N << 4; this is what differs.
 */
#include "base/log.h"
#include "hw/intc/apic-private.h"

enum {
    ID = 0x02, APR = 0x09, EOI = 0x0b, LDR = 0x0d, DFR = 0x0e, SVR = 0x0f, ESR = 0x28, ICR = 0x30,
    ICR_HIGH = 0x31, LVT_FIRST = 0x32, LVT_LAST = 0x37, SELF_IPI = 0x3f,
};

/* NULL: an MSR that does not exist. */
static const RegisterInfo *msr_register(uint8_t number)
{
    bool gone = number == APR || number == DFR || number == ICR_HIGH;

    return gone ? NULL : apic_page_register(number << 4);
}

/* The bits that may be other than zero in a write; reserved ones raise #GP. */
static uint32_t valid_bits(const Apic *apic, uint8_t number, const RegisterInfo *reg)
{
    uint32_t bits = reg->writable ? (uint32_t)reg->writable : UINT32_MAX;

    if (number == EOI || number == ESR) {
        return 0;
    }
    if (number == SVR && !apic->eoi_suppression) {
        return bits & ~APIC_SVR_SUPPRESS;
    }
    if (number == LVT_FIRST && !(apic->features & APIC_TSC_DEADLINE)) {
        bits &= ~APIC_LVT_DEADLINE;
    }
    /* Bits that tell the state are ignored, as software writes back what it has read. */
    return number >= LVT_FIRST && number <= LVT_LAST
               ? bits | APIC_LVT_STATUS | APIC_LVT_REMOTE_IRR : bits;
}

bool apic_in_x2apic_mode(const Device *device)
{
    return apic_is_x2apic((const Apic *)device);
}

static bool msr_exists(const Apic *apic, uint32_t index)
{
    return apic_is_x2apic(apic) && index >= APIC_MSR_FIRST && index <= APIC_MSR_LAST;
}

bool apic_msr_read(Device *device, uint32_t index, uint64_t *value)
{
    const Apic *apic = APIC(device);
    uint8_t number = index - APIC_MSR_FIRST;
    const RegisterInfo *reg = msr_exists(apic, index) ? msr_register(number) : NULL;

    if (!reg || reg->access == REG_WO) {
        log_guest_error("apic %u: rdmsr 0x%x: no such register%s", apic_number(apic), index,
                        apic_is_x2apic(apic) ? "" : " outside of x2APIC mode");
        return false;
    }
    *value = device_bank_read(device, APIC_BANK_PAGE, number << 4, 4);
    if (number == ICR) {
        *value |= (uint64_t)apic->icr_high << 32;
    }
    device_update(device);
    return true;
}

static bool write_refused(const Apic *apic, uint32_t index, uint64_t value)
{
    log_guest_error("apic %u: wrmsr 0x%x, 0x%" PRIx64 " is not possible", apic_number(apic),
                    index, value);
    return false;
}

static bool write_self_ipi(Apic *apic, uint64_t value)
{
    if (value & ~(uint64_t)APIC_LVT_VECTOR) {
        return write_refused(apic, APIC_MSR_FIRST + SELF_IPI, value);
    }
    apic_send_self_ipi(apic, value);
    return true;
}

bool apic_msr_write(Device *device, uint32_t index, uint64_t value)
{
    Apic *apic = APIC(device);
    uint8_t number = index - APIC_MSR_FIRST;
    bool exists = msr_exists(apic, index);
    const RegisterInfo *reg = exists ? msr_register(number) : NULL;
    bool read_only = number == ID || number == LDR || (reg && reg->access == REG_RO);
    uint32_t high = value >> 32;

    if (exists && number == SELF_IPI) {
        return write_self_ipi(apic, value);
    }
    if (!reg || read_only || ((uint32_t)value & ~valid_bits(apic, number, reg)) ||
        (high && number != ICR)) {
        return write_refused(apic, index, value);
    }
    if (number == ICR) {
        apic->icr_high = high;
    }
    device_bank_write(device, APIC_BANK_PAGE, number << 4, 4, (uint32_t)value);
    device_update(device);
    return true;
}

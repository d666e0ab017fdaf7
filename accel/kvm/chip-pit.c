/* SPDX-License-Identifier: MIT */
/*
 * The 8254 in the kernel (Linux Documentation/virt/kvm/api.rst 4.71 to 4.73). Port
 * 0x61 is the kernel's too then, without sound.
 *
 * The kernel's counters follow the host's monotonic clock, the device's the virtual
 * one; while the machine is paused the kernel's state is kept here.
 */
#include <string.h>
#include <time.h>

#include "accel/kvm/x86.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/core/time.h"
#include "hw/timer/i8254.h"

static Device *bound_pit;

static int64_t monotonic_minus_virtual(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec - time_virtual();
}

/* ---- state ---- */

static void channel_from_kvm(Device *device, unsigned n, const struct kvm_pit_channel_state *k)
{
    I8254Channel *c = &((I8254 *)device)->channels[n];

    c->count = c->count_register = k->count;
    c->latched_count = k->latched_count;
    c->count_latched = k->count_latched;
    c->status_latched = k->status_latched;
    c->status = k->status;
    c->read_state = k->read_state;
    c->write_state = k->write_state;
    c->write_latch = k->write_latch;
    c->rw_mode = k->rw_mode;
    c->mode = k->mode;
    c->bcd = k->bcd;
    c->gate = k->gate;
    c->counting = k->count_load_time != 0;
    i8254_set_load_time(device, n, k->count_load_time - monotonic_minus_virtual());
}

static void channel_to_kvm(Device *device, unsigned n, struct kvm_pit_channel_state *k)
{
    const I8254Channel *c = &((const I8254 *)device)->channels[n];

    *k = (struct kvm_pit_channel_state){
        .count = c->count_register, .latched_count = c->latched_count,
        .count_latched = c->count_latched, .status_latched = c->status_latched,
        .status = c->status, .read_state = c->read_state, .write_state = c->write_state,
        .write_latch = c->write_latch, .rw_mode = c->rw_mode, .mode = c->mode, .bcd = c->bcd,
        .gate = c->gate,
        .count_load_time = c->counting ? i8254_load_time(device, n) + monotonic_minus_virtual()
                                       : 0,
    };
}

static void pit_save(void *opaque, Device *device)
{
    Kvm *kvm = opaque;
    struct kvm_pit_state2 state;
    int result;

    memset(&state, 0, sizeof(state));
    result = kvm_ioctl(kvm->vm, KVM_GET_PIT2, &state);
    if (result < 0) {
        report_error("cannot read the timer chip in the kernel: KVM_GET_PIT2: %s",
                     g_strerror(-result));
        return;
    }
    ((I8254 *)device)->inhibited = state.flags & KVM_PIT_FLAGS_HPET_LEGACY;
    for (unsigned n = 0; n < I8254_CHANNELS; n++) {
        channel_from_kvm(device, n, &state.channels[n]);
    }
}

static bool pit_load(void *opaque, Device *device, GError **error)
{
    Kvm *kvm = opaque;
    struct kvm_pit_state2 state = {
        .flags = ((const I8254 *)device)->inhibited ? KVM_PIT_FLAGS_HPET_LEGACY : 0,
    };
    int result;

    for (unsigned n = 0; n < I8254_CHANNELS; n++) {
        channel_to_kvm(device, n, &state.channels[n]);
    }
    result = kvm_ioctl(kvm->vm, KVM_SET_PIT2, &state);
    if (result < 0) {
        error_set_errno(error, -result, "cannot write the timer chip in the kernel: "
                        "KVM_SET_PIT2");
    }
    return result >= 0;
}

static const ChipBackend pit_backend = { .name = "kvm", .save = pit_save, .load = pit_load };

/* ---- pins ---- */

static void load_now(Kvm *kvm, Device *device)
{
    g_autoptr(GError) error = NULL;

    if (!pit_load(kvm, device, &error)) {
        report_error("%s", error->message);
    }
}

/* The HPET takes the place of channel 0, or gives it back. */
static void inhibit_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    pit_save(opaque, device);
    ((I8254 *)device)->inhibited = level;
    load_now(opaque, device);
}

/* The kernel's port 0x61 drives the gate of channel 2; the others are high in a PC. */
static void gate_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
}

/* ---- life ---- */

bool kvm_pit_attach(Kvm *kvm, Device *device, GError **error)
{
    struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
    int result;

    /* Without it the device goes on by itself: its output is a wire to the 8259. */
    if (!kvm->cap[CAP_PIT2] || !kvm->cap[CAP_PIT_STATE2] || bound_pit) {
        return true;
    }
    result = kvm_ioctl(kvm->vm, KVM_CREATE_PIT2, &config);
    if (result < 0) {
        error_set_errno(error, -result, "cannot make the timer chip in the kernel: "
                        "KVM_CREATE_PIT2");
        return false;
    }
    chip_bind(device, &pit_backend, kvm);
    pin_take_over(device, I8254_PIN_INHIBIT, inhibit_driven, kvm);
    pin_take_over(device, I8254_PIN_GATE, gate_driven, kvm);
    bound_pit = device;
    return pit_load(kvm, device, error);
}

void kvm_pit_detach(Kvm *kvm)
{
    if (bound_pit) {
        pin_take_over(bound_pit, I8254_PIN_INHIBIT, NULL, NULL);
        pin_take_over(bound_pit, I8254_PIN_GATE, NULL, NULL);
        chip_bind(bound_pit, NULL, NULL);
        bound_pit = NULL;
    }
}

/* The kernel's timer does not know of the pause, and would make up for the ticks. */
void kvm_pit_run_state(Kvm *kvm, bool running)
{
    if (bound_pit && running) {
        load_now(kvm, bound_pit);
    } else if (bound_pit) {
        pit_save(kvm, bound_pit);
    }
}

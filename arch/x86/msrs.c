/* SPDX-License-Identifier: MIT */
/*
 * The table of model-specific registers that operating systems use.
 * Intel SDM volume 4; AMD APM volume 2, appendix A; Linux Documentation/virt/kvm/x86/msr.rst.
 */
#include <string.h>

#include "arch/x86/state.h"

#define RO  X86_MSR_READ_ONLY
#define CLR X86_MSR_INIT_CLEARS

/* Write-back, write-through, uncached-, uncached, twice. */
#define PAT_RESET 0x0007040600070406ull

const X86MsrInfo x86_msrs[] = {
    { 0x00000010, "tsc" },
    { 0x00000011, "kvm_wall_clock_old" },
    { 0x00000012, "kvm_system_time_old" },
    { 0x00000017, "platform_id", 0, RO },
    { 0x00000033, "test_ctrl" },
    { 0x00000034, "smi_count", 0, RO },
    { 0x0000003a, "feature_control" },
    { 0x0000003b, "tsc_adjust" },
    { 0x00000048, "spec_ctrl" },
    { 0x0000008b, "ucode_rev", 0, RO },
    { 0x0000008c, "sgxlepubkeyhash%u", .count = 4 },
    { X86_MSR_SMBASE, "smbase", X86_SMBASE_RESET },
    { 0x000000c1, "pmc%u", .count = 8 },
    { 0x000000ce, "platform_info", 0, RO },
    { 0x000000cf, "core_capabilities", 0, RO },
    { 0x000000e1, "umwait_control" },
    { 0x000000fe, "mtrrcap", 0, RO },
    { 0x0000010a, "arch_capabilities", 0, RO },
    { 0x00000122, "tsx_ctrl" },
    { 0x00000140, "misc_features_enables" },
    { 0x00000174, "sysenter_cs" },
    { 0x00000175, "sysenter_esp" },
    { 0x00000176, "sysenter_eip" },
    { 0x00000179, "mcg_cap", 0, RO },
    { 0x0000017a, "mcg_status" },
    { 0x0000017b, "mcg_ctl", UINT64_MAX },
    { 0x00000186, "perfevtsel%u", .count = 8 },
    { 0x000001a0, "misc_enable" },
    { 0x000001c4, "xfd" },
    { 0x000001c5, "xfd_err" },
    { 0x000001d9, "debugctl" },
    { 0x000001fc, "power_ctl" },
    { 0x00000200, "mtrrphysbase%u", .count = 8, .stride = 2 },
    { 0x00000201, "mtrrphysmask%u", .count = 8, .stride = 2 },
    { 0x00000250, "mtrrfix64k_00000" },
    { 0x00000258, "mtrrfix16k_80000" },
    { 0x00000259, "mtrrfix16k_a0000" },
    { 0x00000268, "mtrrfix4k_c0000" },
    { 0x00000269, "mtrrfix4k_c8000" },
    { 0x0000026a, "mtrrfix4k_d0000" },
    { 0x0000026b, "mtrrfix4k_d8000" },
    { 0x0000026c, "mtrrfix4k_e0000" },
    { 0x0000026d, "mtrrfix4k_e8000" },
    { 0x0000026e, "mtrrfix4k_f0000" },
    { 0x0000026f, "mtrrfix4k_f8000" },
    { 0x00000277, "pat", PAT_RESET },
    { 0x000002ff, "mtrrdeftype" },
    { 0x00000309, "fixed_ctr%u", .count = 4 },
    { 0x00000345, "perf_capabilities", 0, RO },
    { 0x0000038d, "fixed_ctr_ctrl" },
    { 0x0000038e, "perf_global_status" },
    { 0x0000038f, "perf_global_ctrl" },
    { 0x00000390, "perf_global_ovf_ctrl" },
    { 0x000003f1, "pebs_enable" },
    { 0x00000400, "mc%u_ctl", UINT64_MAX, .count = 32, .stride = 4 },
    { 0x00000401, "mc%u_status", .count = 32, .stride = 4 },
    { 0x00000402, "mc%u_addr", .count = 32, .stride = 4 },
    { 0x00000403, "mc%u_misc", .count = 32, .stride = 4 },
    { 0x00000480, "vmx_basic", 0, RO },
    { 0x00000481, "vmx_pinbased_ctls", 0, RO },
    { 0x00000482, "vmx_procbased_ctls", 0, RO },
    { 0x00000483, "vmx_exit_ctls", 0, RO },
    { 0x00000484, "vmx_entry_ctls", 0, RO },
    { 0x00000485, "vmx_misc", 0, RO },
    { 0x00000486, "vmx_cr0_fixed0", 0, RO },
    { 0x00000487, "vmx_cr0_fixed1", 0, RO },
    { 0x00000488, "vmx_cr4_fixed0", 0, RO },
    { 0x00000489, "vmx_cr4_fixed1", 0, RO },
    { 0x0000048a, "vmx_vmcs_enum", 0, RO },
    { 0x0000048b, "vmx_procbased_ctls2", 0, RO },
    { 0x0000048c, "vmx_ept_vpid_cap", 0, RO },
    { 0x0000048d, "vmx_true_pinbased_ctls", 0, RO },
    { 0x0000048e, "vmx_true_procbased_ctls", 0, RO },
    { 0x0000048f, "vmx_true_exit_ctls", 0, RO },
    { 0x00000490, "vmx_true_entry_ctls", 0, RO },
    { 0x00000491, "vmx_vmfunc", 0, RO },
    { 0x000004c1, "a_pmc%u", .count = 8 },
    { 0x000004d0, "mcg_ext_ctl" },
    { 0x00000560, "rtit_output_base" },
    { 0x00000561, "rtit_output_mask" },
    { 0x00000570, "rtit_ctl" },
    { 0x00000571, "rtit_status" },
    { 0x00000572, "rtit_cr3_match" },
    { 0x00000580, "rtit_addr%u_a", .count = 4, .stride = 2 },
    { 0x00000581, "rtit_addr%u_b", .count = 4, .stride = 2 },
    { 0x00000600, "ds_area" },
    { 0x000006a0, "u_cet" },
    { 0x000006a2, "s_cet" },
    { 0x000006a4, "pl%u_ssp", .count = 4 },
    { 0x000006a8, "interrupt_ssp_table" },
    { 0x000006e0, "tsc_deadline", 0, CLR },
    { 0x000006e1, "pkrs" },
    { 0x00000d90, "bndcfgs", 0, CLR },
    { 0x00000da0, "xss" },
    { 0x000014ce, "lbr_ctl", 0, CLR },
    { 0x000014cf, "lbr_depth" },
    { 0x00001200, "lbr_%u_info", .count = 32 },
    { 0x00001500, "lbr_%u_from_ip", .count = 32 },
    { 0x00001600, "lbr_%u_to_ip", .count = 32 },
    { 0x4b564d00, "kvm_wall_clock" },
    { 0x4b564d01, "kvm_system_time", 0, CLR },
    { 0x4b564d02, "kvm_async_pf_en", 0, CLR },
    { 0x4b564d03, "kvm_steal_time", 0, CLR },
    { 0x4b564d04, "kvm_pv_eoi_en", 0, CLR },
    { 0x4b564d05, "kvm_poll_control", 1 },
    { 0x4b564d06, "kvm_async_pf_int", 0, CLR },
    { 0x4b564d07, "kvm_async_pf_ack", 0, CLR },
    { 0x4b564d08, "kvm_migration_control" },
    { 0xc0000081, "star" },
    { 0xc0000082, "lstar" },
    { 0xc0000083, "cstar" },
    { 0xc0000084, "fmask" },
    { 0xc0000102, "kernel_gs_base" },
    { 0xc0000103, "tsc_aux" },
    { 0xc0000104, "tsc_ratio", 1ull << 32 },
    { 0xc0010000, "k7_evntsel%u", .count = 4 },
    { 0xc0010004, "k7_perfctr%u", .count = 4 },
    { 0xc0010010, "syscfg" },
    { 0xc0010015, "hwcr" },
    { 0xc001001a, "top_mem" },
    { 0xc001001d, "top_mem2" },
    { 0xc0010055, "int_pending_msg" },
    { 0xc0010114, "vm_cr" },
    { 0xc0010117, "vm_hsave_pa" },
    { 0xc001011f, "virt_ssbd" },
    { 0xc0010140, "osvw_id_length" },
    { 0xc0010141, "osvw_status" },
    { 0xc0010200, "core_perf_ctl%u", .count = 6, .stride = 2 },
    { 0xc0010201, "core_perf_ctr%u", .count = 6, .stride = 2 },
    { 0xc0011023, "bu_cfg" },
    { 0xc0011029, "de_cfg" },
};
const size_t x86_msr_count = G_N_ELEMENTS(x86_msrs);

static unsigned row_count(const X86MsrInfo *m)
{
    return m->count ? m->count : 1;
}

static unsigned row_stride(const X86MsrInfo *m)
{
    return m->stride ? m->stride : 1;
}

const X86MsrInfo *x86_msr_info(uint32_t index, unsigned *number)
{
    for (size_t i = 0; i < x86_msr_count; i++) {
        const X86MsrInfo *m = &x86_msrs[i];
        uint32_t distance = index - m->index;

        if (distance % row_stride(m) == 0 && distance / row_stride(m) < row_count(m)) {
            if (number) {
                *number = m->first + distance / row_stride(m);
            }
            return m;
        }
    }
    return NULL;
}

/* The table's only pattern is one "%u". */
static char *numbered(const char *pattern, unsigned number)
{
    const char *at = strstr(pattern, "%u");

    return at ? g_strdup_printf("%.*s%u%s", (int)(at - pattern), pattern, number, at + 2) :
           g_strdup(pattern);
}

char *x86_msr_name(uint32_t index)
{
    unsigned number;
    const X86MsrInfo *m = x86_msr_info(index, &number);

    return m ? numbered(m->name, number) : NULL;
}

X86MsrValue *x86_cpu_msr(const X86CpuState *state, uint32_t index)
{
    size_t low = 0, high = state->msr_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        X86MsrValue *m = &state->msr[middle];

        if (m->index == index) {
            return m;
        }
        if (m->index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

uint64_t x86_cpu_msr_value(const X86CpuState *state, uint32_t index)
{
    const X86MsrValue *m = x86_cpu_msr(state, index);

    return m ? m->value : 0;
}

bool x86_cpu_msr_set(X86CpuState *state, uint32_t index, uint64_t value)
{
    X86MsrValue *m = x86_cpu_msr(state, index);

    if (m) {
        m->value = value;
    }
    return m;
}

void x86_cpu_print_msrs(const X86CpuState *state, GString *out)
{
    for (size_t i = 0; i < state->msr_count; i++) {
        const X86MsrValue *m = &state->msr[i];

        if (m->supported) {
            g_autofree char *name = x86_msr_name(m->index);

            g_string_append_printf(out, "%08x %-24s %016" G_GINT64_MODIFIER "x\n", m->index,
                                   name, m->value);
        }
    }
}

/* SPDX-License-Identifier: MIT */
/* Inside arch/x86: what the CPU type answers to monitors. */
#ifndef ARCH_X86_MODEL_QUERY_H
#define ARCH_X86_MODEL_QUERY_H

#include "hw/core/debug.h"

extern const CpuModelsOps x86_model_query_ops;

#endif

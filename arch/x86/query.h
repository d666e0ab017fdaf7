/* SPDX-License-Identifier: MIT */
/*
 * CPU models and features as QOM and QMP show them: the properties of the model types, the
 * answers of query-cpu-definitions and query-cpu-model-expansion, and the lists that libvirt
 * reads of a CPU (feature-words, filtered-features, unavailable-features).
 */
#ifndef ARCH_X86_QUERY_H
#define ARCH_X86_QUERY_H

#include "arch/x86/cpu.h"
#include "hw/core/debug.h"

extern const CpuModelsOps x86_cpu_models_ops;

/* A property for each feature, each alias of one, and each property of `-cpu`; made once. */
PropertyTable x86_cpu_model_properties(void);

/* For the table of "x86_64-cpu". */
GVariant *x86_cpu_get_feature_words(Object *object, const Property *property);
GVariant *x86_cpu_get_filtered_features(Object *object, const Property *property);
GVariant *x86_cpu_get_unavailable_features(Object *object, const Property *property);

#endif

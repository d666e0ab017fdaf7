/* SPDX-License-Identifier: MIT */
/*
 * Every system call that goes to KVM, in one table, so that a scripted kernel can
 * stand in for it. Results are -errno on failure.
 */
#ifndef ACCEL_KVM_OPS_H
#define ACCEL_KVM_OPS_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct KvmOps {
    int (*open)(const char *path);                       /* read and write, close-on-exec */
    void (*close)(int fd);
    int (*ioctl)(int fd, unsigned long request, void *argument);
    /* NULL and *error (a positive errno) on failure. */
    void *(*map)(size_t length, int fd, off_t offset, int *error); /* shared, read and write */
    void (*unmap)(void *address, size_t length);
    int (*eventfd)(void);                                /* non-blocking, close-on-exec */
    void (*kick)(pthread_t thread);                      /* interrupts its KVM_RUN */
} KvmOps;

extern const KvmOps kvm_kernel_ops;

/* The table in use; tests replace it before the accelerator is opened. */
extern const KvmOps *kvm_ops;

/* ioctl with a pointer, repeated when a signal interrupts it; traced as `kvm_ioctl`. */
int kvm_ioctl(int fd, unsigned long request, void *argument);
/* With a number. */
int kvm_ioctl_number(int fd, unsigned long request, unsigned long argument);

/* "KVM_CREATE_VM", or "ioctl 0xae01". Valid until the thread's next call. */
const char *kvm_ioctl_name(unsigned long request);
/* "KVM_EXIT_IO", or "exit reason 99". Valid until the thread's next call. */
const char *kvm_exit_name(uint32_t reason);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Resource classes and traits by name: the standard ones that OpenStack's services use, and custom rows. */
#include <ctype.h>
#include <string.h>

#include "placement/standard.h"
#include "placement/types.h"
#include "rest/call.h"

static const char *const classes[] = {
    "VCPU", "MEMORY_MB", "DISK_GB", "PCI_DEVICE", "SRIOV_NET_VF", "NUMA_SOCKET", "NUMA_CORE", "NUMA_THREAD",
    "NUMA_MEMORY_MB", "IPV4_ADDRESS", "VGPU", "VGPU_DISPLAY_HEAD", "NET_BW_EGR_KILOBIT_PER_SEC",
    "NET_BW_IGR_KILOBIT_PER_SEC", "PCPU", "MEM_ENCRYPTION_CONTEXT", "FPGA", "PGPU",
    "NET_PACKET_RATE_KILOPACKET_PER_SEC", "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC", NULL};

static const char *const traits[] = {
    "COMPUTE_NODE", "COMPUTE_DEVICE_TAGGING", "COMPUTE_EXTEND_BS", "COMPUTE_GRAPHICS_MODEL_BOCHS",
    "COMPUTE_GRAPHICS_MODEL_CIRRUS", "COMPUTE_GRAPHICS_MODEL_NONE", "COMPUTE_GRAPHICS_MODEL_QXL",
    "COMPUTE_GRAPHICS_MODEL_VGA", "COMPUTE_GRAPHICS_MODEL_VIRTIO", "COMPUTE_GRAPHICS_MODEL_VMVGA",
    "COMPUTE_IMAGE_TYPE_AKI", "COMPUTE_IMAGE_TYPE_AMI", "COMPUTE_IMAGE_TYPE_ARI", "COMPUTE_IMAGE_TYPE_ISO",
    "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_VHD", "COMPUTE_IMAGE_TYPE_VHDX",
    "COMPUTE_IMAGE_TYPE_VMDK", "COMPUTE_MIGRATE_AUTO_CONVERGE", "COMPUTE_MIGRATE_POST_COPY",
    "COMPUTE_NET_ATTACH_INTERFACE", "COMPUTE_NET_ATTACH_INTERFACE_WITH_TAG", "COMPUTE_NET_VIF_MODEL_E1000",
    "COMPUTE_NET_VIF_MODEL_E1000E", "COMPUTE_NET_VIF_MODEL_LAN9118", "COMPUTE_NET_VIF_MODEL_NE2K_PCI",
    "COMPUTE_NET_VIF_MODEL_NETFRONT", "COMPUTE_NET_VIF_MODEL_PCNET", "COMPUTE_NET_VIF_MODEL_RTL8139",
    "COMPUTE_NET_VIF_MODEL_SPAPR_VLAN", "COMPUTE_NET_VIF_MODEL_SRIOV", "COMPUTE_NET_VIF_MODEL_VIRTIO",
    "COMPUTE_NET_VIF_MODEL_VMXNET", "COMPUTE_NET_VIF_MODEL_VMXNET3", "COMPUTE_REMOTE_MANAGED_PORTS",
    "COMPUTE_RESCUE_BFV", "COMPUTE_SAME_HOST_COLD_MIGRATE", "COMPUTE_SECURITY_TPM_1_2", "COMPUTE_SECURITY_TPM_2_0",
    "COMPUTE_SECURITY_UEFI_SECURE_BOOT", "COMPUTE_SOCKET_PCI_NUMA_AFFINITY", "COMPUTE_STATUS_DISABLED",
    "COMPUTE_STORAGE_BUS_FDC", "COMPUTE_STORAGE_BUS_IDE", "COMPUTE_STORAGE_BUS_LXC", "COMPUTE_STORAGE_BUS_SATA",
    "COMPUTE_STORAGE_BUS_SCSI", "COMPUTE_STORAGE_BUS_UML", "COMPUTE_STORAGE_BUS_USB", "COMPUTE_STORAGE_BUS_VIRTIO",
    "COMPUTE_STORAGE_BUS_XEN", "COMPUTE_TRUSTED_CERTS", "COMPUTE_VIOMMU_MODEL_AUTO", "COMPUTE_VIOMMU_MODEL_INTEL",
    "COMPUTE_VIOMMU_MODEL_SMMUV3", "COMPUTE_VOLUME_ATTACH_WITH_TAG", "COMPUTE_VOLUME_EXTEND",
    "COMPUTE_VOLUME_MULTI_ATTACH", "HW_ARCH_AARCH64", "HW_ARCH_I686", "HW_ARCH_PPC64LE", "HW_ARCH_RISCV64",
    "HW_ARCH_S390X", "HW_ARCH_X86_64", "HW_CPU_AMD_SEV", "HW_CPU_AMD_SVM", "HW_CPU_HYPERTHREADING", "HW_CPU_X86_ADX",
    "HW_CPU_X86_AESNI", "HW_CPU_X86_AMD_SEV", "HW_CPU_X86_AMD_SVM", "HW_CPU_X86_AVX", "HW_CPU_X86_AVX2",
    "HW_CPU_X86_AVX512BW", "HW_CPU_X86_AVX512CD", "HW_CPU_X86_AVX512DQ", "HW_CPU_X86_AVX512F", "HW_CPU_X86_AVX512VL",
    "HW_CPU_X86_BMI", "HW_CPU_X86_BMI2", "HW_CPU_X86_CLMUL", "HW_CPU_X86_F16C", "HW_CPU_X86_FMA3", "HW_CPU_X86_INTEL_VMX",
    "HW_CPU_X86_MMX", "HW_CPU_X86_SHA", "HW_CPU_X86_SSE", "HW_CPU_X86_SSE2", "HW_CPU_X86_SSE3", "HW_CPU_X86_SSE41",
    "HW_CPU_X86_SSE42", "HW_CPU_X86_SSSE3", "HW_CPU_X86_TBM", "HW_CPU_X86_TSX", "HW_CPU_X86_VMX", "HW_GPU_CUDA_SDK_V10_0",
    "HW_NIC_ACCEL_SSL", "HW_NIC_OFFLOAD_GENEVE", "HW_NIC_SRIOV", "HW_NIC_VMDQ", "HW_NUMA_ROOT", "HW_PCI_PCIE",
    "MISC_SHARES_VIA_AGGREGATE", "OWNER_CYBORG", "OWNER_NOVA", "STORAGE_DISK_HDD", "STORAGE_DISK_SSD", NULL};

const char *const *standard_classes(void) {
    return classes;
}

const char *const *standard_traits(void) {
    return traits;
}

static bool in(const char *const *names, const char *name) {
    for (size_t i = 0; names[i]; i++) {
        if (!strcmp(names[i], name)) {
            return true;
        }
    }
    return false;
}

bool class_is_standard(const char *name) {
    return in(classes, name);
}

bool trait_is_standard(const char *name) {
    return in(traits, name);
}

bool name_is_custom(const char *name) {
    size_t size = strlen(name);

    return size > 7 && size <= 255 && !strncmp(name, "CUSTOM_", 7) &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == size;
}

bool class_exists(struct call *call, const char *name) {
    return class_is_standard(name) ||
           call_count(call, "SELECT count(*) FROM placement_class WHERE name = ?", SQL_ARGS(sql_text(name))) > 0;
}

bool trait_exists(struct call *call, const char *name) {
    return trait_is_standard(name) ||
           call_count(call, "SELECT count(*) FROM placement_trait WHERE name = ?", SQL_ARGS(sql_text(name))) > 0;
}

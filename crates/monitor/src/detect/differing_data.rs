//! What is said alike wherever the members' data differ.

/// The likeliest cause.
pub(super) const DEFECTS: &str = "a defect of the etcd version (3.5.0 to 3.5.2, etcd#13766; 3.5.0 to \
                                  3.5.5 after a defragmentation that was cut short, etcd#14685): see \
                                  version_cve";

/// The step that keeps every choice open.
pub(super) fn save_each<T: AsRef<str>>(endpoints: &[T]) -> String {
    let endpoints: Vec<&str> = endpoints.iter().map(AsRef::as_ref).collect();
    format!(
        "save a snapshot of each: etcdctl --endpoints={} snapshot save FILE, one endpoint at a time",
        endpoints.join(" | ")
    )
}

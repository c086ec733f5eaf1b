//! One etcd member or one cluster: connections, TLS, auth, calls, errors.

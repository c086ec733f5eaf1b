//! Real etcd clusters, faults and a simulated fleet, for tests and the demo.

//! Stubs of etcd's gRPC services, generated from our own .proto files.

//! What etcdctl has not, or does wrong.

//! The calls that we make: name, path on the wire, request and answer of each.

use std::marker::PhantomData;

use etcd_proto::etcdserverpb as pb;
use http::uri::PathAndQuery;

/// One method of one service.
pub struct Rpc<Req, Res> {
    /// As errors name it.
    pub(crate) name: &'static str,
    path: &'static str,
    types: PhantomData<fn(Req) -> Res>,
}

impl<Req, Res> Rpc<Req, Res> {
    const fn new(name: &'static str, path: &'static str) -> Self {
        Self { name, path, types: PhantomData }
    }

    pub(crate) fn path(&self) -> PathAndQuery {
        PathAndQuery::from_static(self.path)
    }
}

macro_rules! rpcs {
    ($($constant:ident $service:literal $method:literal $request:ident $response:ident;)*) => {
        $(#[doc = concat!("`", $service, "/", $method, "`.")]
        pub const $constant: Rpc<pb::$request, pb::$response> =
            Rpc::new($method, concat!("/etcdserverpb.", $service, "/", $method));)*
    };
}

rpcs! {
    RANGE "KV" "Range" RangeRequest RangeResponse;
    PUT "KV" "Put" PutRequest PutResponse;
    DELETE_RANGE "KV" "DeleteRange" DeleteRangeRequest DeleteRangeResponse;
    TXN "KV" "Txn" TxnRequest TxnResponse;
    COMPACT "KV" "Compact" CompactionRequest CompactionResponse;
    RANGE_STREAM "KV" "RangeStream" RangeRequest RangeStreamResponse;
    WATCH "Watch" "Watch" WatchRequest WatchResponse;
    LEASE_GRANT "Lease" "LeaseGrant" LeaseGrantRequest LeaseGrantResponse;
    LEASE_REVOKE "Lease" "LeaseRevoke" LeaseRevokeRequest LeaseRevokeResponse;
    LEASE_KEEP_ALIVE "Lease" "LeaseKeepAlive" LeaseKeepAliveRequest LeaseKeepAliveResponse;
    LEASE_TIME_TO_LIVE "Lease" "LeaseTimeToLive" LeaseTimeToLiveRequest LeaseTimeToLiveResponse;
    LEASE_LEASES "Lease" "LeaseLeases" LeaseLeasesRequest LeaseLeasesResponse;
    MEMBER_ADD "Cluster" "MemberAdd" MemberAddRequest MemberAddResponse;
    MEMBER_REMOVE "Cluster" "MemberRemove" MemberRemoveRequest MemberRemoveResponse;
    MEMBER_UPDATE "Cluster" "MemberUpdate" MemberUpdateRequest MemberUpdateResponse;
    MEMBER_LIST "Cluster" "MemberList" MemberListRequest MemberListResponse;
    MEMBER_PROMOTE "Cluster" "MemberPromote" MemberPromoteRequest MemberPromoteResponse;
    ALARM "Maintenance" "Alarm" AlarmRequest AlarmResponse;
    STATUS "Maintenance" "Status" StatusRequest StatusResponse;
    DEFRAGMENT "Maintenance" "Defragment" DefragmentRequest DefragmentResponse;
    HASH_KV "Maintenance" "HashKV" HashKvRequest HashKvResponse;
    SNAPSHOT "Maintenance" "Snapshot" SnapshotRequest SnapshotResponse;
    MOVE_LEADER "Maintenance" "MoveLeader" MoveLeaderRequest MoveLeaderResponse;
    DOWNGRADE "Maintenance" "Downgrade" DowngradeRequest DowngradeResponse;
    AUTH_ENABLE "Auth" "AuthEnable" AuthEnableRequest AuthEnableResponse;
    AUTH_DISABLE "Auth" "AuthDisable" AuthDisableRequest AuthDisableResponse;
    AUTH_STATUS "Auth" "AuthStatus" AuthStatusRequest AuthStatusResponse;
    AUTHENTICATE "Auth" "Authenticate" AuthenticateRequest AuthenticateResponse;
    USER_ADD "Auth" "UserAdd" AuthUserAddRequest AuthUserAddResponse;
    USER_GET "Auth" "UserGet" AuthUserGetRequest AuthUserGetResponse;
    USER_LIST "Auth" "UserList" AuthUserListRequest AuthUserListResponse;
    USER_CHANGE_PASSWORD "Auth" "UserChangePassword" AuthUserChangePasswordRequest AuthUserChangePasswordResponse;
    USER_DELETE "Auth" "UserDelete" AuthUserDeleteRequest AuthUserDeleteResponse;
    USER_GRANT_ROLE "Auth" "UserGrantRole" AuthUserGrantRoleRequest AuthUserGrantRoleResponse;
    USER_REVOKE_ROLE "Auth" "UserRevokeRole" AuthUserRevokeRoleRequest AuthUserRevokeRoleResponse;
    ROLE_ADD "Auth" "RoleAdd" AuthRoleAddRequest AuthRoleAddResponse;
    ROLE_GET "Auth" "RoleGet" AuthRoleGetRequest AuthRoleGetResponse;
    ROLE_LIST "Auth" "RoleList" AuthRoleListRequest AuthRoleListResponse;
    ROLE_DELETE "Auth" "RoleDelete" AuthRoleDeleteRequest AuthRoleDeleteResponse;
    ROLE_GRANT "Auth" "RoleGrantPermission" AuthRoleGrantPermissionRequest AuthRoleGrantPermissionResponse;
    ROLE_REVOKE "Auth" "RoleRevokePermission" AuthRoleRevokePermissionRequest AuthRoleRevokePermissionResponse;
}

/** The kind of an event. */
export type CloudAuthEventType =
  // cargo xtask gen: events, from the list in the core
  /** A user signed in. */
  | 'signed_in'
  /** A callback could not be finished, and its browser is already signed in. */
  | 'already_signed_in'
  /** A sign-in failed or could not begin. */
  | 'sign_in_failed'
  /** A return path exceeded its limit in the login URL and was shortened. */
  | 'return_path_truncated'
  /** A credential was not accepted. */
  | 'credential_rejected'
  /** A session ended here, and at the Cloud or it was unknown there. */
  | 'signed_out'
  /** A session ended here, and the Cloud did not confirm its end. */
  | 'sign_out_not_confirmed'
  /** The Cloud issued a newer token for a session. */
  | 'session_refreshed'
  /** The Cloud was asked for a newer token and issued none; the session goes on. */
  | 'session_token_unchanged'
  /** A session could not be refreshed: it has ended or its token is not accepted. */
  | 'session_refresh_rejected'
  /** The Cloud could not be asked to refresh a session. */
  | 'session_refresh_failed'
  /** An operator revoked a session here. */
  | 'session_revoked'
  /** An operator revoked every session of a user here. */
  | 'user_revoked'
  /** A request has a signed-in user. In Node only with `traceRequests`. */
  | 'request_authenticated'
  /** A request has no credential. In Node only with `traceRequests`. */
  | 'request_anonymous'
  /** A credential could not be checked; the answer is 503. */
  | 'authentication_unavailable'
  /** The permissions of a user could not be read; the answer is 503. */
  | 'permissions_unavailable'
  /** A copy of a user names no session to ask the Cloud with, and there is no `roleMapping`: it gets no permissions. Logged once a minute at most. */
  | 'permissions_without_session'
  /** The Cloud answered a call. */
  | 'cloud_call'
  /** A call to the Cloud got no answer; each retry is a call of its own. */
  | 'cloud_call_failed'
  /** The Cloud refused with a status other than 401, 403 and 404, which points to the configuration. */
  | 'unexpected_rejection'
  /** Entries of the key set are not objects and are skipped; the rest is used. */
  | 'key_set_invalid_entries'
  /** The key set could not be fetched or used; the last good one, if any, stays in use. */
  | 'key_set_fetch_failed'
  /** Work in the background failed inside of the addon. */
  | 'background_failed'
  /** The revocation channel is connected, and all its stored entries are known. Without counts where only publishing had failed. */
  | 'revocations_connected'
  /** The revocation channel was lost, or could not be reached at the start: revocations made elsewhere do not arrive here. */
  | 'revocations_disconnected'
  /** The revocation channel is still disconnected. */
  | 'revocations_reconnect_failed'
  /** The channel took revocations made here. */
  | 'revocations_published'
  /** Revocations made elsewhere arrived. */
  | 'revocations_received'
  /** Entries of the channel are of another version, by a foreign publisher, or dated in the future. Once a minute at most, with all that arrived meanwhile. */
  | 'revocations_unreadable'
  /** The channel stores more revocations than are read; this instance does not know the rest. */
  | 'revocations_truncated'
  /** Redis did not answer within a twelfth of the time-out of a call: a session that the Cloud replaces now may end on other instances. Once a minute at most, with the number since. */
  | 'sessions_not_shared'
  /** The Cloud accepts a token that has expired by this machine's clock, which is ahead. Once a minute at most. */
  | 'clock_ahead'
  // cargo xtask gen: end
;

/** Where an answer came from: the cache, a signature check here, a call to the Cloud, or none of them. */
export type CloudAuthSource =
  // cargo xtask gen: sources
  | 'cache'
  | 'keys'
  | 'cloud'
  | 'none'
  // cargo xtask gen: end
;

/** One event. Holds no token, cookie, code, e-mail address or body. Durations are in seconds. */
export interface CloudAuthEvent {
  readonly type: CloudAuthEventType;
  // cargo xtask gen: fields
  /** The outcome, as the metric of the same thing labels it; `answered` for a call that the Cloud answered. */
  readonly outcome?: string;
  /** Where the answer to an authentication came from, as in the metrics. */
  readonly source?: CloudAuthSource;
  /** The stable code of the error: one of this product, or the Cloud's own. */
  readonly code?: string;
  /** The HTTP status. */
  readonly status?: number;
  /** The endpoint by its name, as in the metrics. */
  readonly operation?: string;
  /** The path in the contract, with `{id}` for its variable part; `jwks` for a key set. */
  readonly endpoint?: string;
  /** The Cloud's id of the user. */
  readonly userId?: string;
  /** The Cloud's id of the session; not the token. */
  readonly sessionId?: string;
  /** The request's `x-request-id` if it has up to 64 letters, digits, `.`, `_` and `-`; Node makes one up if there is none. */
  readonly requestId?: string;
  /** The number on the error page that a person saw; absent in Node. */
  readonly reference?: string;
  /** The permission that the route requires; absent in Node. */
  readonly permission?: string;
  /** How long it took, in seconds, with a fraction. */
  readonly durationSeconds?: number;
  /** How long before its arrival the last new revocation was made, in seconds, with a fraction. */
  readonly lagSeconds?: number;
  /** By how many whole seconds the clock is ahead, at least. */
  readonly aheadSeconds?: number;
  /** How many entries or revocations. */
  readonly count?: number;
  /** How many entries the channel stored. */
  readonly stored?: number;
  /** How many entries said something new here. */
  readonly new?: number;
  /** How many live revocations the channel lacked and are published again. */
  readonly republished?: number;
  /** Why the channel is disconnected, as the channel words it; Node uses words of its own. */
  readonly error?: string;
  /** The size that was too large, in bytes. */
  readonly bytes?: number;
  /** The largest size allowed, in bytes. */
  readonly limit?: number;
  // cargo xtask gen: end
}

/** The members that each event may have beside its type. */
export interface EventMembers {
  // cargo xtask gen: members
  readonly signed_in: 'outcome' | 'userId' | 'sessionId' | 'requestId';
  readonly already_signed_in: 'code' | 'status' | 'userId' | 'sessionId' | 'requestId';
  readonly sign_in_failed: 'outcome' | 'code' | 'status' | 'endpoint' | 'reference' | 'requestId';
  readonly return_path_truncated: 'bytes' | 'limit';
  readonly credential_rejected: 'outcome' | 'code' | 'status' | 'endpoint' | 'source' | 'durationSeconds' | 'requestId';
  readonly signed_out: 'outcome' | 'userId' | 'sessionId' | 'requestId';
  readonly sign_out_not_confirmed: 'outcome' | 'code' | 'status' | 'endpoint' | 'userId' | 'sessionId' | 'requestId';
  readonly session_refreshed: 'userId' | 'sessionId';
  readonly session_token_unchanged: 'userId' | 'sessionId';
  readonly session_refresh_rejected: 'code' | 'status' | 'endpoint';
  readonly session_refresh_failed: 'code' | 'status' | 'endpoint';
  readonly session_revoked: 'sessionId';
  readonly user_revoked: 'userId';
  readonly request_authenticated: 'outcome' | 'source' | 'userId' | 'durationSeconds' | 'requestId';
  readonly request_anonymous: 'outcome' | 'source' | 'durationSeconds' | 'requestId';
  readonly authentication_unavailable: 'outcome' | 'code' | 'status' | 'endpoint' | 'source' | 'durationSeconds' | 'requestId';
  readonly permissions_unavailable: 'outcome' | 'code' | 'status' | 'endpoint' | 'permission' | 'requestId';
  readonly permissions_without_session: 'code';
  readonly cloud_call: 'outcome' | 'operation' | 'endpoint' | 'status' | 'durationSeconds';
  readonly cloud_call_failed: 'outcome' | 'operation' | 'endpoint' | 'durationSeconds';
  readonly unexpected_rejection: 'code' | 'status' | 'endpoint';
  readonly key_set_invalid_entries: 'count';
  readonly key_set_fetch_failed: 'code' | 'status' | 'endpoint';
  readonly background_failed: 'code';
  readonly revocations_connected: 'stored' | 'new' | 'republished';
  readonly revocations_disconnected: 'error';
  readonly revocations_reconnect_failed: 'error';
  readonly revocations_published: 'count';
  readonly revocations_received: 'new' | 'lagSeconds';
  readonly revocations_unreadable: 'count';
  readonly revocations_truncated: 'count';
  readonly sessions_not_shared: 'count';
  readonly clock_ahead: 'code' | 'aheadSeconds';
  // cargo xtask gen: end
}

/** The level of each event in the log. */
export const EVENT_LEVELS: Readonly<Record<CloudAuthEventType, 'debug' | 'info' | 'warn'>> = {
  // cargo xtask gen: levels
  signed_in: 'info',
  already_signed_in: 'info',
  sign_in_failed: 'warn',
  return_path_truncated: 'warn',
  credential_rejected: 'debug',
  signed_out: 'info',
  sign_out_not_confirmed: 'warn',
  session_refreshed: 'info',
  session_token_unchanged: 'debug',
  session_refresh_rejected: 'info',
  session_refresh_failed: 'warn',
  session_revoked: 'info',
  user_revoked: 'info',
  request_authenticated: 'debug',
  request_anonymous: 'debug',
  authentication_unavailable: 'warn',
  permissions_unavailable: 'warn',
  permissions_without_session: 'warn',
  cloud_call: 'debug',
  cloud_call_failed: 'debug',
  unexpected_rejection: 'warn',
  key_set_invalid_entries: 'warn',
  key_set_fetch_failed: 'warn',
  background_failed: 'warn',
  revocations_connected: 'info',
  revocations_disconnected: 'warn',
  revocations_reconnect_failed: 'debug',
  revocations_published: 'debug',
  revocations_received: 'debug',
  revocations_unreadable: 'warn',
  revocations_truncated: 'warn',
  sessions_not_shared: 'warn',
  clock_ahead: 'warn',
  // cargo xtask gen: end
};

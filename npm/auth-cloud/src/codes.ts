// Written by `cargo xtask gen` from the list of codes in the core. Change the list, not this file.

/** The code of an error of ours. The Cloud's own codes are handed on as they are. */
export type ErrorCode =
  /** An argument does not have the form it must have. */
  | 'invalid_argument'
  /** The Cloud has no such operation. */
  | 'not_implemented'
  /** An option is missing or has a value that cannot be used. */
  | 'invalid_configuration'
  /** The request carries no credential. */
  | 'not_signed_in'
  /** The token does not have the form of a token. */
  | 'invalid_token'
  /** The session was signed out here. */
  | 'signed_out'
  /** The session is past its expiry. */
  | 'session_expired'
  /** The request carries more session cookies of one name than are tried. */
  | 'too_many_cookies'
  /** The Cookie header is larger than is read. */
  | 'cookie_header_too_large'
  /** The user may not do this. */
  | 'permission_denied'
  /** The request comes from a page of another origin. */
  | 'cross_origin'
  /** The sign-in callback has no usable state. */
  | 'state_malformed'
  /** The sign-in callback has no usable authorization code. */
  | 'code_malformed'
  /** The browser did not bring the cookie of a sign-in begun here. */
  | 'login_cookie_missing'
  /** The sign-in was begun by another browser. */
  | 'state_mismatch'
  /** The sign-in took longer than is allowed. */
  | 'login_expired'
  /** The sign-in was begun for another project. */
  | 'project_mismatch'
  /** The sign-in was begun at another Cloud. */
  | 'cloud_mismatch'
  /** This sign-in callback was already used. */
  | 'callback_replayed'
  /** This authorization code was already used. */
  | 'code_replayed'
  /** The sign-in was declined at the Cloud. */
  | 'access_denied'
  /** The Cloud ended the sign-in with an error. */
  | 'login_rejected'
  /** The Cloud refused the request and gave no code. */
  | 'request_failed'
  /** The Cloud's answer has no data where data is needed. */
  | 'no_data'
  /** The Cloud's answer does not have the form the contract gives it. */
  | 'invalid_response'
  /** The session cookie would be larger than browsers keep. */
  | 'cookie_too_large'
  /** The Cloud could not be reached. */
  | 'network_error'
  /** The Cloud did not answer in time. */
  | 'timeout'
  /** The Cloud's answer is larger than is read. */
  | 'response_too_large'
  /** The Cloud failed several times in a row and is not asked for a moment. */
  | 'circuit_open'
  /** The session is signed out here, but the Cloud did not confirm its end. */
  | 'sign_out_not_confirmed'
  /** The addon failed in a way that it should not. */
  | 'internal';

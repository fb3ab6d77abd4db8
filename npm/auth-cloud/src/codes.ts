/** The code of an error of ours. The Cloud's own codes are handed on as they are. */
export type ErrorCode =
  // cargo xtask gen: codes, from the list in the core
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
  /** The session was over as it began: the clock of this machine may be ahead. */
  | 'clock_ahead'
  /** The token of the sign-in was issued later than now: the clock of this machine may be behind. */
  | 'clock_behind'
  /** The token is not three parts of strict base64url. */
  | 'token_malformed'
  /** The token's header is not an object with members of the right type, each once. */
  | 'token_header_malformed'
  /** The token's header asks for an extension, or brings or names a key. */
  | 'token_header_refused'
  /** The token's type is that of another kind of token. */
  | 'token_kind_refused'
  /** The token is signed with an algorithm that is not allowed. */
  | 'token_algorithm_refused'
  /** The token names a key that is not in the key set. */
  | 'token_key_unknown'
  /** The token names no key, and the key set has several for its algorithm. */
  | 'token_key_ambiguous'
  /** The token names a key that is for another algorithm. */
  | 'token_key_mismatch'
  /** The token's signature is not one of the key it names. */
  | 'token_signature_invalid'
  /** The token's claims are not an object with members of the right type, each once. */
  | 'token_claims_malformed'
  /** The token's claims are those of another kind of token. */
  | 'token_purpose_refused'
  /** The token has no expiry. */
  | 'token_expiry_missing'
  /** A time in the token is not a number of seconds from 1970 to 9999. */
  | 'token_time_malformed'
  /** The token is valid, or was issued, only later than now. */
  | 'token_not_yet_valid'
  /** The token does not say when it was issued, and a greatest age is set. */
  | 'token_issue_time_missing'
  /** The token was issued longer ago than the greatest age that is set. */
  | 'token_too_old'
  /** The token's issuer is not the one that is configured. */
  | 'token_issuer_mismatch'
  /** The token is not for this project. */
  | 'token_audience_mismatch'
  /** The token has no subject that can be a user. */
  | 'token_subject_malformed'
  /** The request carries more session cookies of one name than are tried. */
  | 'too_many_cookies'
  /** The Cookie header is larger than is read. */
  | 'cookie_header_too_large'
  /** The user may not do this. */
  | 'permission_denied'
  /** The user is not a member of the organization. */
  | 'organization_forbidden'
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
  /** The key set holds no key that can be used. */
  | 'invalid_key_set'
  /** The Cloud could not be reached. */
  | 'network_error'
  /** The Cloud did not answer in time. */
  | 'timeout'
  /** The Cloud's answer is larger than is read. */
  | 'response_too_large'
  /** The signing keys could not be fetched. */
  | 'keys_unavailable'
  /** The Cloud failed several times in a row and is not asked for a moment. */
  | 'circuit_open'
  /** The session is signed out here, but the Cloud did not confirm its end. */
  | 'sign_out_not_confirmed'
  // cargo xtask gen: end
  /** The addon cannot be loaded; the message says why, and what to do. */
  | 'addon_not_loaded'
  /** The addon failed in a way that it should not. */
  | 'internal';

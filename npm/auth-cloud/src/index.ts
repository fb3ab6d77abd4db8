/**
 * Sign in to Mastra servers and Studio with Mastra Cloud.
 *
 * ```ts
 * const auth = new MastraCloudAuth({ projectId: 'my-project' });
 * export const mastra = new Mastra({ server: { auth, rbac: auth } });
 * ```
 */

export { MastraCloudAuth } from './provider.js';
export { authCallbackRoute } from './callback.js';
export { authCheckRoute } from './check.js';
export { MastraCloudClient } from './client.js';
export type { ExchangedCode } from './client.js';
export { CloudApiError, isCloudApiError } from './error.js';
export type { CloudApiErrorDetails, ErrorKind } from './error.js';
export type { ErrorCode } from './codes.js';
export type { CloudSession, CloudUser } from './user.js';
export type { Dialect, MastraCloudClientOptions } from './client-options.js';
export type { CacheOptions, MastraCloudAuthOptions, RoleMapping, VerificationOptions } from './options.js';
export type { CloudAuthEvent, CloudAuthEventType, CloudAuthSource } from './event-types.js';
export type { CloudAuthLogger } from './events.js';
export type {
  RevocationChannel,
  RevocationMessage,
  RevocationStatus,
  RevocationSubscription,
} from './revocation/channel.js';
export type { CloudAuthRevocationFigures, CloudAuthStatistics } from './statistics.js';
export type { Fetch } from './transport.js';
export { AuthError, MastraCloudAuthProvider, MastraRBACCloud } from './legacy.js';
export type { AuthErrorCode, MastraCloudAuthProviderOptions } from './legacy.js';

/** Options of `MastraCloudClient`, in a file that names no type of `@mastra/core`. */

import type { CloudAuthEvent } from './event-types.js';
import type { CloudAuthLogger } from './events.js';
import type { Fetch } from './transport.js';

/** The form of the Cloud's API. */
export type Dialect = 'v1' | 'pkce' | 'platform';

/** Options of `MastraCloudClient`. */
export interface MastraCloudClientOptions {
  /** The project that users sign in to. Required, here or as `MASTRA_PROJECT_ID`, except in dialect `platform`. */
  readonly projectId?: string;
  /**
   * The Cloud's address. Default `MASTRA_CLOUD_URL`, else `https://cloud.mastra.ai`; in dialect `platform` then
   * `MASTRA_SHARED_API_URL`, else `https://platform.mastra.ai`. Plain http for this machine only.
   */
  readonly baseUrl?: string;
  /**
   * Allows a local Cloud where `NODE_ENV` is `production`, and in a network of containers: for tests of a production build. Default
   * `MASTRA_LOCAL_CLOUD_FOR_TESTS`, else false. A local Cloud checks no password. With the real Cloud's address it is an error.
   */
  readonly localCloudForTests?: boolean;
  /** The API's prefix. Default `MASTRA_CLOUD_API_PREFIX`, else the dialect's own: `/api/v1`, none in `pkce`, `/v1` in `platform`. */
  readonly apiPrefix?: string;
  /** The login page's path. Default `MASTRA_CLOUD_AUTH_PATH`, else `/auth/oss`. */
  readonly authPath?: string;
  /** The form of the Cloud's API. Default `MASTRA_CLOUD_DIALECT`, else `v1`. */
  readonly dialect?: Dialect;
  /** The function that sends the requests. Default: the global `fetch`, looked up at each call. */
  readonly fetch?: Fetch;
  /** The logger that events are written to. Default: the server's logger. */
  readonly logger?: CloudAuthLogger;
  /** Called with each event. */
  readonly onEvent?: (event: CloudAuthEvent) => void;
}

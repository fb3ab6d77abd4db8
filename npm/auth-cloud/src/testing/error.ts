/** Why the local Cloud for tests did not do what was asked. */

/**
 * - `program_not_found`: there is no `mastra-auth` program; the message says what to install.
 * - `not_started`: the program could not start a Cloud; the message holds what it said.
 * - `not_running`: the Cloud is closed, or its program ended.
 * - `unknown_person`: no person in the seed has this name; the message lists the people.
 * - `unusable_app`: no browser keeps the plugin's cookie at this address.
 * - `refused`: the Cloud refused what was asked, such as a role that does not exist.
 */
export type LocalCloudErrorCode = 'program_not_found' | 'not_started' | 'not_running' | 'unknown_person' | 'unusable_app' | 'refused';

/** An error of {@link startLocalCloud} or of the Cloud that it started. */
export class LocalCloudError extends Error {
  readonly code: LocalCloudErrorCode;

  constructor(code: LocalCloudErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LocalCloudError';
    this.code = code;
  }
}

/**
 * Tokens for programs that a person signed in with `mastra-auth login` or `mastra auth login`. This module is the entry
 * `@mastra/auth-cloud/program`: it needs no `@mastra/core`, loads no addon, and runs where there are files.
 *
 * ```ts
 * const source = new TokenSource();
 * const answer = await source.call(
 *   token => fetch('https://my-server.example/api/agents', { headers: { authorization: `Bearer ${token}` } }),
 *   ({ status }) => status === 401,
 * );
 * ```
 *
 * The token is that of `MASTRA_API_TOKEN`, as it is, else the one of the credentials file. That one is verified before its
 * first use in this process, and refreshed where the platform refuses it. Callers share one refresh, and processes exclude one
 * another, those in Rust too: the later one finds the newer token in the file.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { CloudApiError, configurationError, isCloudApiError } from './error.js';
import { isOver } from './program/answer.js';
import { CredentialsFile, TOKEN, homeFile } from './program/file.js';
import type { Credentials } from './program/file.js';
import { Platform } from './program/platform.js';
import { variable, warn } from './runtime.js';
import type { Fetch } from './exchange.js';

export type { ErrorCode } from './codes.js';
export { CloudApiError, isCloudApiError } from './error.js';
export type { CloudApiErrorDetails, ErrorKind } from './error.js';
export type { Fetch } from './exchange.js';

/** Options of a {@link TokenSource}. Each comes before its variable; an empty variable counts as absent. */
export interface TokenSourceOptions {
  /** The platform's address; else `MASTRA_PLATFORM_API_URL`, else `https://platform.mastra.ai`. */
  readonly baseUrl?: string | undefined;
  /** The credentials file; else `.mastra/credentials.json` in the home folder. With this option `MASTRA_API_TOKEN` does not count. */
  readonly file?: string | undefined;
  /** The organization that calls are for; else `MASTRA_ORG_ID`, else the file says it. */
  readonly organizationId?: string | undefined;
  /** Sends the calls to the platform in place of the global `fetch`. */
  readonly fetch?: Fetch | undefined;
}

/** How often, and how long apart in milliseconds, the file is read again after a refusal. */
const LOOKS = 20;
const BETWEEN_LOOKS = 50;

/** Gives a program its token, and refreshes it once for however many callers. */
export class TokenSource {
  readonly #platform: Platform;
  readonly #file: CredentialsFile;
  readonly #fixed: string | undefined;
  readonly #organizationId: string | undefined;
  /** The token that the platform accepted last, or gave. */
  #good: string | undefined;
  /** A newer sign-in that could not be written. It counts as long as the file holds the refresh token that is spent. */
  #unkept: { readonly spent: string; readonly newer: Credentials } | undefined;
  /** The look for a newer token that callers share. */
  #flight: Promise<string> | undefined;

  /** @throws CloudApiError `invalid_configuration` for a wrong option or variable; the message names it and shows no value. */
  constructor(options: TokenSourceOptions = {}) {
    const { baseUrl = variable('MASTRA_PLATFORM_API_URL'), file, organizationId = variable('MASTRA_ORG_ID'), fetch } = options;
    this.#platform = new Platform(baseUrl, fetch);
    this.#file = new CredentialsFile(file ?? homeFile());
    this.#fixed = file === undefined ? variable('MASTRA_API_TOKEN')?.trim() : undefined;
    this.#organizationId = organizationId;
    if (this.#fixed !== undefined && !TOKEN.test(this.#fixed)) {
      throw configurationError('MASTRA_API_TOKEN: the token must be 1 to 8192 bytes of A-Z a-z 0-9 - . _ ~ + / =');
    }
  }

  /** The organization that calls are for, where the options, the environment or the file name one. */
  async organizationId(): Promise<string | undefined> {
    if (this.#organizationId !== undefined || this.#fixed !== undefined) return this.#organizationId;
    const held = await this.#file.read();
    return held?.currentOrgId ?? held?.organizationId;
  }

  /**
   * A token that the platform accepted or gave to this process. It may have expired since: `call` refreshes it then.
   *
   * @throws CloudApiError `not_signed_in` where there is none. `session_expired` where the platform refuses it and its refresh,
   *   both with 401. `invalid_configuration` where the file cannot be read, or there is no room for a new one: nothing was spent
   *   then. `request_failed` for another refusal, as 403, which a refresh does not mend. Another code of kind `network` or `cloud`
   *   where the platform gave no usable answer: the token may still be good.
   */
  async token(): Promise<string> {
    if (this.#fixed !== undefined) return this.#fixed;
    const { token } = await this.#held();
    return token === this.#good ? token : await this.#newer();
  }

  /**
   * A token in the place of one that was refused. One of the environment has no other.
   *
   * @throws CloudApiError as `token` does.
   */
  async refreshed(refused: string): Promise<string> {
    if (this.#fixed !== undefined) throw expired();
    const newer = await this.#newer(refused);
    // It joined callers who had not seen the refusal yet.
    return newer === refused ? await this.#newer(refused) : newer;
  }

  /**
   * Calls with a token; where the answer is a refusal, once more with a refreshed one. A refusal of a token of the environment is
   * the answer.
   *
   * @throws CloudApiError as `token` does, and what the call throws.
   */
  async call<T>(call: (token: string) => Promise<T>, isRefused: (answer: T) => boolean): Promise<T> {
    const token = await this.token();
    const answer = await call(token);
    if (this.#fixed !== undefined || !isRefused(answer)) return answer;
    return await call(await this.refreshed(token));
  }

  /** Joins the look for a newer token, or starts it. */
  #newer(refused?: string): Promise<string> {
    this.#flight ??= this.#look(refused).finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #look(refused: string | undefined): Promise<string> {
    this.#good = refused === undefined ? await this.#verified() : await this.#refresh(refused);
    return this.#good;
  }

  async #verified(): Promise<string> {
    const { token } = await this.#held();
    try {
      await this.#platform.verify(token);
      return token;
    } catch (error) {
      if (!isCloudApiError(error) || !isOver(error)) throw error;
      return await this.#refresh(token);
    }
  }

  /** A newer token than the refused one: from the file, if another process was faster, else from the platform. */
  #refresh(refused: string): Promise<string> {
    return this.#file.locked(async place => {
      const held = await this.#held();
      if (held.token !== refused) return held.token;
      const spent = held.refreshToken;
      if (spent === undefined) throw expired();
      // Before the refresh token is spent: the answer must find its place.
      await place.make();
      let pair;
      try {
        pair = await this.#platform.refresh(spent);
      } catch (error) {
        if (!isCloudApiError(error) || !isOver(error)) throw error;
        return await this.#found(refused);
      }
      // From here on the pair is all that is left of the sign-in: whatever fails, it is not lost.
      const now = await this.#file.read().catch(() => 'unreadable' as const);
      const newest = now === 'unreadable' ? held : this.#newest(now);
      // A program that takes no lock may have signed out, or signed in anew. That counts.
      if (newest.refreshToken !== spent) return newest.token;
      const newer = { ...newest, ...pair };
      const isWritten = now !== 'unreadable' && (await place.write(newer).then(() => true, () => false));
      if (!isWritten) {
        warn('The credentials file could not be written: this process alone holds the newer sign-in.', 'MASTRA_AUTH_CLOUD_SIGN_IN_NOT_KEPT');
        // After a second failure the file still holds the one that was spent first.
        this.#unkept = { spent: this.#unkept?.spent ?? spent, newer };
      }
      return pair.token;
    });
  }

  /** Mastra's command line takes no lock: where it spent the refresh token, its answer is in the file a moment later. */
  async #found(refused: string): Promise<string> {
    for (let look = 0; look < LOOKS; look += 1) {
      const { token } = await this.#held();
      if (token !== refused) return token;
      await sleep(BETWEEN_LOOKS);
    }
    throw expired();
  }

  async #held(): Promise<Credentials> {
    return this.#newest(await this.#file.read());
  }

  /** What the file holds, or what could not be written into it. */
  #newest(held: Credentials | undefined): Credentials {
    if (held === undefined) {
      throw new CloudApiError('The request carries no credential.', 401, { code: 'not_signed_in', kind: 'credential' });
    }
    if (this.#unkept?.spent !== held.refreshToken) this.#unkept = undefined;
    return this.#unkept?.newer ?? held;
  }
}

function expired(): CloudApiError {
  return new CloudApiError('The session is past its expiry.', 401, { code: 'session_expired', kind: 'credential' });
}

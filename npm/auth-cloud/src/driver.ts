/** The driver loop: runs any flow of the core over `fetch` and the clocks. Flows with one key share one run. */

import type { Cause } from './cause.js';
import type { NativeFlow, NativeOutcome, NativeTransportError } from './native.js';
import { send } from './transport.js';
import type { Fetch } from './transport.js';

/** A finished call to the Cloud, as reported to the deployment: with the status of its answer, or the reason for none. */
export type Call = { readonly operation: string; readonly endpoint: string; readonly milliseconds: number } & (
  | { readonly status: number; readonly failed?: undefined }
  | { readonly failed: NativeTransportError; readonly status?: undefined }
);

/** The result of a flow, and the cause if its last call got no answer. */
export interface Outcome extends NativeOutcome {
  readonly cause?: Cause | undefined;
}

export class Driver {
  readonly #fetch: Fetch | undefined;
  readonly #onCall: (call: Call) => void;
  readonly #inFlight = new Map<string, Promise<Outcome>>();

  constructor(fetch: Fetch | undefined, onCall: (call: Call) => void) {
    this.#fetch = fetch;
    this.#onCall = onCall;
  }

  /** Drives a flow to completion and calls `ended` once, or joins the one in flight for the same key. */
  run(flow: NativeFlow, ended: (outcome: Outcome) => void): Promise<Outcome> {
    const key = flow.key();
    if (key === null) return this.#drive(flow, ended);
    const earlier = this.#inFlight.get(key);
    if (earlier !== undefined) return earlier;
    const running = this.#drive(flow, ended).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, running);
    return running;
  }

  async #drive(flow: NativeFlow, ended: (outcome: Outcome) => void): Promise<Outcome> {
    let step = flow.start();
    let again = false;
    let cause: Cause | undefined;
    for (;;) {
      if (step.send !== undefined) {
        const { operation, endpoint } = step.send;
        const begun = performance.now();
        const delivery = await send(step.send, this.#fetch, again);
        const milliseconds = performance.now() - begun;
        cause = 'failed' in delivery ? delivery.cause : undefined;
        if ('failed' in delivery) {
          const failed = delivery.failed === 'stale' ? 'closed' : delivery.failed;
          this.#onCall({ operation, endpoint, failed, milliseconds });
          again = delivery.failed === 'stale';
          step = flow.failed(delivery.failed);
        } else {
          this.#onCall({ operation, endpoint, status: delivery.status, milliseconds });
          step = flow.answered(delivery.status, delivery.body);
        }
      } else if (step.wait !== undefined) {
        const { wait } = step;
        await new Promise(resolve => setTimeout(resolve, wait));
        step = flow.woken();
      } else {
        const outcome = { ...step.done, cause };
        ended(outcome);
        return outcome;
      }
    }
  }
}

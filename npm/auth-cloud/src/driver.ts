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
  readonly #told: (call: Call) => void;
  readonly #flights = new Map<string, Promise<Outcome>>();

  constructor(fetch: Fetch | undefined, told: (call: Call) => void) {
    this.#fetch = fetch;
    this.#told = told;
  }

  /** Drives a flow to completion and calls `ended` once, or joins the one in flight for the same key. */
  run(flow: NativeFlow, ended: (outcome: Outcome) => void): Promise<Outcome> {
    const key = flow.key();
    if (key === null) return this.#drive(flow, ended);
    const underWay = this.#flights.get(key);
    if (underWay !== undefined) return underWay;
    const flight = this.#drive(flow, ended).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
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
          this.#told({ operation, endpoint, failed, milliseconds });
          again = delivery.failed === 'stale';
          step = flow.failed(delivery.failed);
        } else {
          this.#told({ operation, endpoint, status: delivery.status, milliseconds });
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

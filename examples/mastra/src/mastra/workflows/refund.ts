import { createStep, createWorkflow } from '@mastra/core/workflows';
import { z } from 'zod';

import { findOrder } from '../tools/find-order.js';

const lookUp = createStep(findOrder);

const decide = createStep({
  id: 'decide',
  inputSchema: findOrder.outputSchema!,
  outputSchema: z.object({ refund: z.number(), reason: z.string() }),
  execute: async ({ inputData }) => {
    if (!inputData.found) return { refund: 0, reason: 'There is no such order.' };
    if (inputData.delivered) return { refund: 0, reason: `The ${inputData.item} is delivered.` };
    return { refund: inputData.price, reason: `The ${inputData.item} is not delivered yet.` };
  },
});

export const refund = createWorkflow({
  id: 'refund',
  description: 'Decides what to pay back for an order.',
  inputSchema: z.object({ number: z.string().default('1002') }),
  outputSchema: z.object({ refund: z.number(), reason: z.string() }),
})
  .then(lookUp)
  .then(decide)
  .commit();

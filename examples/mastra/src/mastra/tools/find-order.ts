import { createTool } from '@mastra/core/tools';
import { z } from 'zod';

const orders = new Map([
  ['1001', { item: 'Teapot', price: 40, delivered: true }],
  ['1002', { item: 'Kettle', price: 65, delivered: false }],
]);

export const findOrder = createTool({
  id: 'find-order',
  description: 'Finds an order by its number.',
  inputSchema: z.object({ number: z.string() }),
  outputSchema: z.object({
    found: z.boolean(),
    item: z.string(),
    price: z.number(),
    delivered: z.boolean(),
  }),
  execute: async ({ number }) => {
    const order = orders.get(number);
    return order ? { found: true, ...order } : { found: false, item: '', price: 0, delivered: false };
  },
});

import { Agent } from '@mastra/core/agent';

import { findOrder } from '../tools/find-order.js';
import { scriptedModel } from './scripted-model.js';

export const clerk = new Agent({
  id: 'clerk',
  name: 'Clerk',
  instructions: 'You answer questions about orders. Look an order up before you answer.',
  model: scriptedModel,
  tools: { findOrder },
});

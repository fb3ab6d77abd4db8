import type {
  LanguageModelV2,
  LanguageModelV2CallOptions,
  LanguageModelV2Content,
  LanguageModelV2StreamPart,
} from '@ai-sdk/provider';

const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };

/** The script's next line: first a call of the tool, then the tool's result. */
function nextLine({ prompt }: LanguageModelV2CallOptions): LanguageModelV2Content {
  const last = prompt.at(-1);
  if (last?.role === 'tool') {
    const result = last.content.find((part) => part.type === 'tool-result');
    return { type: 'text', text: `This is what the books say: ${JSON.stringify(result?.output.value)}` };
  }
  const question =
    last?.role === 'user' ? last.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ') : '';
  const number = /\d+/.exec(question)?.[0];
  if (number === undefined) return { type: 'text', text: 'Which order? Try 1001 or 1002.' };
  return {
    type: 'tool-call',
    toolCallId: `call-${prompt.length}`,
    toolName: 'findOrder',
    input: JSON.stringify({ number }),
  };
}

function streamed(line: LanguageModelV2Content): LanguageModelV2StreamPart[] {
  const parts: LanguageModelV2StreamPart[] = [{ type: 'stream-start', warnings: [] }];
  if (line.type === 'text') {
    parts.push({ type: 'text-start', id: 'line' });
    for (const word of line.text.split(/(?<= )/)) parts.push({ type: 'text-delta', id: 'line', delta: word });
    parts.push({ type: 'text-end', id: 'line' });
  } else if (line.type === 'tool-call') {
    parts.push(line);
  }
  parts.push({ type: 'finish', finishReason: line.type === 'tool-call' ? 'tool-calls' : 'stop', usage });
  return parts;
}

/** A model that follows a script, so that the example needs no key and no network. */
export const scriptedModel: LanguageModelV2 = {
  specificationVersion: 'v2',
  provider: 'example',
  modelId: 'scripted',
  supportedUrls: {},
  async doGenerate(options) {
    const line = nextLine(options);
    return {
      content: [line],
      finishReason: line.type === 'tool-call' ? 'tool-calls' : 'stop',
      usage,
      warnings: [],
    };
  },
  async doStream(options) {
    return { stream: ReadableStream.from(streamed(nextLine(options))) };
  },
};

// Writes a document of `contract/` as Markdown: each operation with its parameters, body, answers and an example. `gen.mjs` puts the
// text into the guide.

const join = all => all.filter(Boolean).join('\n\n');
const line = text => text?.trim().replaceAll(/\s+/g, ' ').replaceAll('|', '\\|') ?? '';
const table = (titles, rows) =>
  rows.length > 0 && [titles, titles.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n');

/** Every operation of a document, in the order of its text. Required members come first. */
export function reference(document, text) {
  const follow = one => (one?.$ref === undefined ? one : follow(one.$ref.slice(2).split('/').reduce((at, name) => at[name], document)));

  /** A type in a few words. */
  function type(schema) {
    const { const: only, enum: some, oneOf, type: own, items, format } = follow(schema);
    if (only !== undefined) return `\`${only}\``;
    if (some) return some.map(one => `\`${one}\``).join(', ');
    if (oneOf) return oneOf.map(type).join(' or ');
    const names = [own].flat().map(name => (name === 'array' ? `list of ${type(items)}` : name));
    return names.join(' or ') + (format ? ` (${format})` : '');
  }

  const limits = ({ minLength, maxLength, minimum, maximum }) => [
    minLength > 1 && `At least ${minLength} characters.`, maxLength && `At most ${maxLength} characters.`,
    minimum !== undefined && `At least ${minimum}.`, maximum !== undefined && `At most ${maximum}.`,
  ].filter(Boolean).join(' ');
  const about = (schema, ...more) => line([...more, schema.description, limits(schema)].filter(Boolean).join(' '));
  /** How it is known, where that is not a document of the API's owner. */
  const known = one => ({ clients: 'Known from clients only.', local: 'The local platform alone is known to answer so.' })[one['x-known']];

  /** The header that a way to sign a call puts into it. */
  function credential(name) {
    const { type: kind, name: cookie } = document.components.securitySchemes[name];
    return kind === 'apiKey'
      ? { name: 'Cookie', example: `${cookie}=Fe26.2*1*made*up`, schema: { type: 'string', description: `\`${cookie}=\` and the sealed session.` } }
      : { name: 'Authorization', example: 'Bearer eyJhbGciOiJFZERTQSJ9.e30.c2ln', schema: { type: 'string', description: '`Bearer` and the token.' } };
  }

  function inOrder({ properties = {}, required = [] }) {
    const place = name => (required.includes(name) ? required.indexOf(name) : required.length);
    return Object.entries(properties).toSorted(([one], [other]) => place(one) - place(other));
  }

  /** The members of a body, those of inner objects after their own. */
  function members(schema, prefix = '') {
    const own = follow(schema);
    if (own.oneOf) return own.oneOf.flatMap((one, at) => [...(at > 0 ? [['*or*', '', '', '']] : []), ...members(one, prefix)]);
    if (own.items) return members(own.items, `${prefix.replace(/\.$/, '[]')}.`);
    return inOrder(own).flatMap(([name, inner]) => [
      [`\`${prefix}${name}\``, type(inner), own.required?.includes(name) ? 'yes' : 'no', about(follow(inner))],
      ...members(inner, `${prefix}${name}.`),
    ]);
  }

  /** A value as the schema has it. */
  function sample(schema) {
    const { const: only, enum: some, examples, oneOf, properties, items, type: own } = follow(schema);
    if (only !== undefined) return only;
    if (examples || some) return (examples ?? some)[0];
    if (oneOf) return sample(oneOf[0]);
    if (items) return [sample(items)];
    if (properties === undefined) return [own].flat()[0] === 'object' ? {} : null;
    return Object.fromEntries(inOrder(follow(schema)).map(([name, inner]) => [name, sample(inner)]));
  }

  function example(method, place, parameters, body, answers) {
    const shown = (where, write) => parameters.filter(one => one.in === where && one.example !== undefined).map(write);
    const query = shown('query', ({ name, example: value }) => `${name}=${encodeURIComponent(value)}`).join('&');
    const filled = parameters.reduce((at, { in: where, name, example: value }) => (where === 'path' ? at.replace(`{${name}}`, value) : at), place);
    const headers = shown('header', ({ name, example: value }) => `${name}: ${value}`);
    const [status, answer] = Object.entries(answers).map(([own, one]) => [own, follow(one)])[0];
    const json = answer.content?.['application/json'];
    const written = value => JSON.stringify(value, null, 2);
    const asks = [`${method.toUpperCase()} ${filled}${query && `?${query}`}`, ...headers, body && `Content-Type: application/json\n\n${written(sample(body))}`];
    return `\`\`\`http\n${asks.filter(Boolean).join('\n')}\n\`\`\`\n\n\`\`\`http\nHTTP/1.1 ${status}\n${json ? `Content-Type: application/json\n\n${written(sample(json.schema))}\n` : ''}\`\`\``;
  }

  function operation(method, place, one) {
    const ways = (one.security ?? []).flatMap(way => Object.keys(way));
    const secured = ways.map((name, at) => {
      const { example: value, ...header } = credential(name);
      const required = one.security.length === 1;
      return { ...header, in: 'header', required, ...(at === 0 ? { example: value } : { description: `In place of \`${credential(ways[0]).name}\`.` }) };
    });
    const parameters = [...(one.parameters ?? []).map(follow), ...secured];
    const body = follow(one.requestBody)?.content['application/json'].schema;
    const answers = Object.entries(one.responses).map(([status, answer]) => {
      const { description, content = {}, headers = {}, ...more } = follow(answer);
      const bodies = [...Object.keys(content), ...Object.keys(headers).map(name => `\`${name}\``)].join(', ');
      return [status, bodies, line([description, known(more)].filter(Boolean).join(' '))];
    });
    const [good] = Object.keys(one.responses);
    const success = follow(one.responses[good])?.content?.['application/json']?.schema;
    const fields = ['member', 'type', 'required', 'meaning'];
    return join([
      `## ${one.summary}`,
      `\`${method.toUpperCase()} ${place}\` (\`${one.operationId}\`)`,
      one.description?.trim(),
      known(one),
      table(['parameter', 'in', 'type', 'required', 'meaning'], parameters.map(({ name, in: where, required, schema, description, ...more }) =>
        [`\`${name}\``, where, type(schema), required ? 'yes' : 'no', about(schema, description, known(more))])),
      body && `The body, \`application/json\`:\n\n${table(fields, members(body))}`,
      table(['status', 'body', 'meaning'], answers),
      success && members(success).length > 0 && `The members of ${good}:\n\n${table(fields, members(success))}`,
      example(method, place, parameters, body, one.responses),
    ]);
  }

  const place = name => text.indexOf(`\n  ${name}:\n`);
  const paths = Object.entries(document.paths).toSorted(([one], [other]) => place(one) - place(other));
  const all = paths.flatMap(([at, item]) =>
    Object.entries(item).filter(([, one]) => !one['x-internal']).map(([method, one]) => operation(method, at, one)));
  const error = document.components.schemas.Error;
  const refusal = `## Refusals\n\nThe members of every answer from 400 on that is JSON:\n\n${table(['member', 'type', 'required', 'meaning'], members(error))}`;
  return `\n${join([document.info.description.trim(), refusal, ...all])}\n\n`;
}

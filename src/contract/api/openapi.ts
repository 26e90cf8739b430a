import { apiPath, defaultLimit, ErrorSchema, filters, listRoutes, listSchema, maxLimit, reportPath } from './routes.ts';
import { type ListName, listNames } from './rows.ts';

/** Answers besides success, with their meanings. */
const failures: Record<string, string> = {
  400: 'A parameter is not valid.',
  405: 'The method is neither GET nor HEAD.',
  421: 'The Host of the request is not allowed; see PAGE_HOSTS.',
  429: 'This address has sent too many requests.',
  503: 'No leader can be reached; Retry-After says when to ask again.',
};

const entityTag = { ETag: { description: 'Identifies the answer, for If-None-Match.', schema: { type: 'string' } } };

/** The OpenAPI document of the API. @param version of the operator */
export function openApiDocument(version: string): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'NetExporter operator',
      version,
      description: 'Read-only API of the operator. Written by `npm run synth` from src/contract/api; change it there.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [
      {
        url: '/api/v1/namespaces/net-exporter-system/services/net-exporter-operator:metrics/proxy',
        description: 'Through the API server.',
      },
    ],
    paths: {
      ...Object.fromEntries(listNames.map((name) => [`${apiPath}/${name}`, { get: listOperation(name) }])),
      [reportPath]: {
        get: {
          operationId: 'report',
          summary: 'The state of all NetExporters as plain text, at most 100 columns wide.',
          parameters: [reference('namespace'), reference('netexporter')],
          responses: responses({ 'text/plain': { schema: { type: 'string' } } }),
        },
      },
    },
    components: {
      parameters: {
        namespace: query('namespace', 'Only NetExporters of this namespace.', { type: 'string' }),
        netexporter: query('netexporter', 'Only NetExporters of this name.', { type: 'string' }),
        limit: query('limit', 'Maximum number of rows. An answer also ends after about 256 KiB.', {
          ...{ type: 'integer', minimum: 1, maximum: maxLimit, default: defaultLimit },
        }),
        after: query('after', 'Only rows after these: `next` of the answer before.', { type: 'string' }),
      },
      schemas: {
        ...Object.fromEntries(listNames.map((name) => [schemaName(name), listSchema(name)])),
        Error: ErrorSchema,
      },
    },
  };
}

function listOperation(name: ListName): object {
  const { summary, filters: own, states } = listRoutes[name];
  return {
    operationId: name,
    summary,
    parameters: [
      ...['namespace', 'netexporter', 'limit', 'after'].map(reference),
      ...own.map((filter) =>
        query(filter, filters[filter], {
          type: 'string',
          ...(filter === 'state' && { enum: states }),
        }),
      ),
    ],
    responses: responses({
      'application/json': { schema: { $ref: `#/components/schemas/${schemaName(name)}` } },
    }),
  };
}

/** The schema of a list in the document. */
export function schemaName(name: ListName): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}List`;
}

function responses(content: object): object {
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return {
    200: { description: 'Success.', headers: entityTag, content },
    304: { description: 'The answer is still the one of If-None-Match.' },
    ...Object.fromEntries(
      Object.entries(failures).map(([code, description]) => [code, { description, content: error }]),
    ),
  };
}

function reference(name: string): object {
  return { $ref: `#/components/parameters/${name}` };
}

function query(name: string, description: string, schema: object): object {
  return { name, in: 'query', description, schema };
}

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { type ApiUse, apiPaths, apiUses, type Verb } from '../../../src/contract/api-uses.ts';
import { OperatorMetrics } from '../../../src/operator/metrics.ts';
import { Operator } from '../../../src/operator/operator.ts';
import { quietLog } from './quiet-log.ts';

/** What a path of the API is about. */
export interface Target {
  group: string;
  namespace: string | undefined;
  plural: string;
  name: string | undefined;
  subresource: string | undefined;
}

/** Undefined for what tells which APIs there are: everyone may read that. */
function targetOf(path: string): Target | undefined {
  const match =
    /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path);
  if (!match) return undefined;
  const [, group = '', namespace, plural, name, subresource] = match;
  return { group, namespace, plural: plural!, name, subresource };
}

function verbOf(method: string, { name }: Target, query: URLSearchParams): Verb {
  if (method === 'POST') return 'create';
  if (method === 'PATCH') return 'patch';
  if (method === 'DELETE') return 'delete';
  if (query.has('watch')) return 'watch';
  return name === undefined ? 'list' : 'get';
}

// biome-ignore lint/suspicious/noExplicitAny: the API server takes every kind of object
type Json = Record<string, any>;

/**
 * An API server in memory that keeps what it is given, answers lists and watches, and notes which verb was asked of
 * what.
 */
export class FakeApiServer {
  /** By path. */
  readonly objects = new Map<string, Json>();
  /** `verb plural.group`, with `/subresource` after the plural where there is one. */
  readonly asked = new Set<string>();
  /** How often, by `verb plural`, with the selector of labels after it where there is one. */
  readonly counts = new Map<string, number>();
  /** The status with which it answers which APIs there are. */
  discovery = 200;
  /** What happens to a request first: it waits, or is answered with this status. */
  before: (verb: Verb, target: Target) => Promise<unknown> | number | undefined = () => undefined;
  readonly #mayDo: (verb: Verb, target: Target) => boolean;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #watches = new Map<ServerResponse, (path: string, object: Json) => boolean>();
  /** The plural and the selector of labels of each watch. */
  readonly #selectors = new Map<ServerResponse, [plural: string, selector: string]>();
  #version = 100;

  private constructor(mayDo: (verb: Verb, target: Target) => boolean) {
    this.#mayDo = mayDo;
  }

  /** Listens on loopback. @param mayDo what is allowed, each to everyone */
  static async start(mayDo: (verb: Verb, target: Target) => boolean = () => true): Promise<FakeApiServer> {
    const server = new FakeApiServer(mayDo);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Creates an object or replaces it, as someone else than the operator. */
  put(object: object): Json {
    return this.#keep(pathOf(object as Json), object as Json);
  }

  /** The object of this plural and name, in whatever namespace. */
  find(plural: string, name: string): Json | undefined {
    return this.objects.get([...this.objects.keys()].find((path) => path.endsWith(`/${plural}/${name}`)) ?? '');
  }

  /** Deletes an object, as someone else than the operator. */
  remove(object: object): void {
    this.#drop(pathOf(object as Json));
  }

  /** The selectors of labels of the watches of this kind that are open. */
  watching(plural: string): string[] {
    return [...this.#selectors.values()].filter(([watched]) => watched === plural).map(([, selector]) => selector);
  }

  #keep(path: string, object: Json): Json {
    const metadata = { uid: `uid-${path}`, ...object.metadata, resourceVersion: String(++this.#version) };
    const type = this.objects.has(path) ? 'MODIFIED' : 'ADDED';
    this.objects.set(path, { ...object, metadata });
    this.#tell(type, path);
    return this.objects.get(path)!;
  }

  #drop(path: string): void {
    this.#version++;
    const object = this.objects.get(path);
    if (object) object.metadata.resourceVersion = String(this.#version);
    this.#tell('DELETED', path);
    this.objects.delete(path);
  }

  #tell(type: string, path: string): void {
    const object = this.objects.get(path)!;
    for (const [watch, concerns] of this.#watches)
      if (concerns(path, object)) watch.write(`${JSON.stringify({ type, object })}\n`);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, 'http://localhost');
    let text = '';
    for await (const chunk of request) text += chunk;
    const answer = (status: number, body: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const target = targetOf(pathname);
    if (pathname === apiPaths.issuer) return answer(200, { issuer: 'https://issuer.example.com' });
    if (pathname === apiPaths.keys) return answer(200, { keys: [] });
    if (!target && this.discovery !== 200)
      return answer(this.discovery, { message: `cannot get path "${pathname}"`, code: this.discovery });
    const optional = ['podmonitors', 'prometheusrules'].map((name) => ({ name, verbs: ['create'] }));
    if (!target) return answer(200, { resources: optional });
    const verb = verbOf(request.method!, target, searchParams);
    const { group, plural, name, subresource } = target;
    this.asked.add(`${verb} ${subresource ? `${plural}/${subresource}` : plural}.${group}`);
    const count = [verb, plural, searchParams.get('labelSelector')].filter((text) => text !== null).join(' ');
    this.counts.set(count, (this.counts.get(count) ?? 0) + 1);
    if (!this.#mayDo(verb, target)) return answer(403, { reason: 'Forbidden', message: `may not ${verb}` });
    const first = await this.before(verb, target);
    if (typeof first === 'number') return answer(first, { reason: 'Unavailable', message: 'a fault of the test' });
    if (verb === 'watch') {
      this.#selectors.set(response, [plural, searchParams.get('labelSelector') ?? '']);
      return this.#watch(response, selects(target, searchParams), searchParams);
    }
    if (verb === 'list') {
      const selected = selects(target, searchParams);
      const items = [...this.objects].filter(([path, object]) => selected(path, object)).map(([, object]) => object);
      return answer(200, { metadata: { resourceVersion: String(this.#version) }, items });
    }
    const path = subresource ? pathname.slice(0, pathname.lastIndexOf('/')) : pathname;
    if (verb === 'create') {
      const made = JSON.parse(text) as Json;
      return answer(201, this.#keep(`${path}/${made.metadata.name}`, made));
    }
    const object = this.objects.get(path);
    if (!object) return answer(404, { reason: 'NotFound', message: `${plural} "${name}" not found` });
    if (verb === 'delete') this.#drop(path);
    if (verb !== 'patch') return answer(200, object);
    const patch = JSON.parse(text) as Json;
    answer(200, this.#keep(path, { ...object, ...patch, metadata: { ...object.metadata, ...patch.metadata } }));
  }

  #watch(response: ServerResponse, concerns: (path: string, object: Json) => boolean, query: URLSearchParams): void {
    response.writeHead(200).flushHeaders();
    const seen = Number(query.get('resourceVersion'));
    for (const [path, object] of this.objects)
      if (concerns(path, object) && Number(object.metadata.resourceVersion) > seen)
        response.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
    this.#watches.set(response, concerns);
    response.on('close', () => {
      this.#watches.delete(response);
      this.#selectors.delete(response);
    });
  }
}

/**
 * Which objects a list or watch is about: of its kind and namespace, and with the labels and the name that it selects.
 */
function selects({ plural, namespace }: Target, query: URLSearchParams): (path: string, object: Json) => boolean {
  const selector = query.get('labelSelector') ?? '';
  const [, key = '', names] = /^(\S+) in \((.*)\)$/.exec(selector) ?? [];
  const labels = names === undefined ? selector.split(',').filter((text) => text !== '') : [];
  const name = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
  return (path, { metadata }) => {
    const target = targetOf(path)!;
    return (
      target.plural === plural &&
      (namespace === undefined || target.namespace === namespace) &&
      (name === undefined || target.name === name) &&
      (names === undefined || names.split(',').includes(metadata.labels?.[key])) &&
      labels.every((label) => metadata.labels?.[label.split('=')[0]!] === label.split('=')[1])
    );
  };
}

function pathOf({ kind, metadata: { namespace, name } }: Json): string {
  const use = Object.values<ApiUse>(apiUses).find((candidate) => candidate.kind === kind)!;
  const api = use.group === '' ? `/api/${use.version}` : `/apis/${use.group}/${use.version}`;
  return `${api}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${use.plural}/${name}`;
}

/** The operator as `main` makes it, on this API server. @param onLost the process must exit */
export function operatorOn(
  { url }: FakeApiServer,
  clock: Clock = systemClock,
  onLost: (why: string) => void = assert.fail,
) {
  const metrics = new OperatorMetrics('1.2.3');
  const operator = new Operator({
    access: { server: url, credentials: async () => ({ headers: {}, tls: {} }) },
    nameservers: ['10.96.0.10'],
    clock,
    random: Math.random,
    log: quietLog,
    metrics,
    agentImage: 'example.com/agent:1',
    podName: 'operator-1',
    namespace: 'net-exporter-system',
    identity: 'operator-1_x',
    version: '1.2.3',
    sync: { port: 0, address: '192.0.2.1', advertisedPort: undefined },
    onLost,
  });
  return { operator, metrics };
}

const scales: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * Whether two quantities are the same amount: the API server rewrites `0.1` of cpu as `100m` and `0.5Gi` as `512Mi`
 * (apimachinery `resource.Quantity`). Compared as floating-point numbers with the last digits left out of it.
 */
export function sameQuantity(a: unknown, b: unknown): boolean {
  const x = parseQuantity(a);
  const y = parseQuantity(b);
  return x !== undefined && y !== undefined && Math.abs(x - y) <= 1e-12 * Math.max(Math.abs(x), Math.abs(y));
}

function parseQuantity(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|(n|u|m|k|[KMGTPE]i?)?)$/.exec(value);
  if (!match) return undefined;
  const [, number, exponent, suffix] = match;
  return exponent === undefined ? Number(number) * scales[suffix ?? '']! : Number(`${number}e${exponent}`);
}

/** Whether `Accept-Encoding` names gzip with a weight above zero (RFC 9110 §12.5.3). */
export function acceptsGzip(header: string | undefined): boolean {
  return (header ?? '').split(',').some((item) => {
    const [coding = '', ...parameters] = item.toLowerCase().split(';');
    const weight = parameters.map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1]).find((value) => value);
    return coding.trim() === 'gzip' && Number(weight ?? 1) > 0;
  });
}

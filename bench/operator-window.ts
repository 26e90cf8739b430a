import type { BenchCluster } from './bench-cluster.ts';
import type { MeasuredOperator } from './measured-operator.ts';

/** How often the kubelet asks for health, and Prometheus for metrics, in seconds. */
const probeSeconds = 5;
const scrapeSeconds = 15;

export interface OperatorWindow {
  seconds: number;
  /** CPU of all threads, as a share of one core. */
  cpuRatio: number;
}

/** Lets time go by while the kubelet probes and Prometheus scrapes. */
export async function operatorWindow(
  bench: BenchCluster,
  operator: MeasuredOperator,
  seconds: number,
): Promise<OperatorWindow> {
  const started = performance.now();
  const { cpuSeconds } = operator.usage();
  for (let passed = 0; passed < seconds; passed += probeSeconds) {
    await operator.probe();
    if (passed % scrapeSeconds === 0) await operator.metrics();
    await bench.pass(probeSeconds);
  }
  const elapsed = (performance.now() - started) / 1000;
  return { seconds: elapsed, cpuRatio: (operator.usage().cpuSeconds - cpuSeconds) / elapsed };
}

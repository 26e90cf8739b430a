/** A label of a metric. */
export interface LabelDeclaration {
  /** What its values are: one noun phrase. */
  readonly help: string;
  /** Every value with its meaning. Absent where the values are open, such as addresses. */
  readonly values?: Readonly<Record<string, string>>;
}

interface CommonDeclaration {
  readonly name: string;
  /** The HELP text: one noun phrase that says what is counted or measured, and in which unit. */
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelDeclaration>>;
  /** Further information for readers, as Markdown. */
  readonly notes?: string;
}

/** The base unit of a metric's values. */
export type MetricUnit = 'seconds' | 'bytes';

/** A metric as its program exposes it and as rules, dashboards and documentation name it. */
export type MetricDeclaration =
  | (CommonDeclaration & { readonly type: 'counter' | 'gauge'; readonly unit?: MetricUnit })
  | (CommonDeclaration & {
      readonly type: 'histogram';
      readonly unit: MetricUnit;
      /** Upper edges of the buckets in ascending order, without +Inf. */
      readonly edges: readonly number[];
    });

/** Metrics of one subject, by the names that the code uses. */
export type MetricGroup = Readonly<Record<string, MetricDeclaration>>;

/** The names of a metric's labels. */
export type LabelName<D extends MetricDeclaration> = Extract<keyof D['labels'], string>;

/** The values that a label can have: `string` where they are open. */
export type LabelValue<D extends MetricDeclaration, L extends LabelName<D>> = D['labels'][L] extends {
  readonly values: infer V;
}
  ? Extract<keyof V, string>
  : string;

/** Lists the values of a closed label in the order of their declaration. */
export function labelValues<D extends MetricDeclaration, L extends LabelName<D>>(
  declaration: D,
  label: L,
): LabelValue<D, L>[] {
  return Object.keys(declaration.labels[label]?.values ?? {}) as LabelValue<D, L>[];
}

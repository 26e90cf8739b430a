/** An object as we declare it. */
export interface DeclaredObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; annotations?: Record<string, string> } & Record<string, unknown>;
  [field: string]: unknown;
}

/** The object that ours belong to. */
export interface Owner {
  group: string;
  kind: string;
  name: string;
  uid: string;
}

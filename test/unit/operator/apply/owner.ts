/** Whose the objects of these tests are, and how they refer to it. */
export const owner = { group: 'net-exporter.dev', kind: 'NetExporter', name: 'default', uid: 'u1' };
export const reference = {
  apiVersion: 'net-exporter.dev/v1alpha1',
  controller: true,
  kind: owner.kind,
  name: owner.name,
  uid: owner.uid,
};

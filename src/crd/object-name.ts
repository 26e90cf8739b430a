import { celString } from './validation-rule.ts';

/** What most Kubernetes objects may be called: a DNS subdomain (RFC 1123), up to 253 characters. */
export const objectNamePattern = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

/**
 * The CEL expression for it. Written out, since CEL's `format` library came with Kubernetes 1.31, which takes in new
 * CRDs only what 1.30 knew.
 */
export const isObjectName = `self.matches(${celString(objectNamePattern)})`;

/** What namespaces and Services may be called: a DNS label (RFC 1123), up to 63 characters. */
export const labelNamePattern = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$';

/** The CEL expression for it. */
export const isLabelName = `self.matches(${celString(labelNamePattern)})`;

import { operatorName } from '../../contract/operator-names.ts';
import { ClusterAccessError } from './cluster-access.ts';

/**
 * Refuses an installation whose objects were given a prefix or suffix, as by `namePrefix` of kustomize: the operator
 * would publish its address in a Service that nobody has, and the admission policy would not apply to its account.
 * @param token of the ServiceAccount, as the kubelet mounts it (a JWT, RFC 7519); other tokens say nothing
 * @throws ClusterAccessError
 */
export function requireInstalledName(token: string): void {
  const account = accountOf(token);
  if (account === undefined || account === operatorName || !account.includes(operatorName)) return;
  throw new ClusterAccessError(
    `the operator runs as the ServiceAccount ${account}, but the names of its objects are fixed: ` +
      `remove namePrefix and nameSuffix from kustomization.yaml so that it is ${operatorName}; a different namespace is possible`,
  );
}

/** The name in `system:serviceaccount:NAMESPACE:NAME`. */
function accountOf(token: string): string | undefined {
  try {
    const [, payload = ''] = token.split('.');
    const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub?: unknown };
    return typeof sub === 'string' ? sub.split(':')[3] : undefined;
  } catch {
    return undefined;
  }
}

/** How agents reach this process while it leads. */
export interface SyncOptions {
  /** Which port to answer agents on; 0: any free one. */
  port: number;
  /** The address at which the cluster reaches this process. */
  address: string;
  /** The port at which the cluster does; undefined: the one that is listened on. */
  advertisedPort: number | undefined;
}

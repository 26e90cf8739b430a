import type { Server } from 'node:net';

/** A connection that was accepted, of which Node has not made a socket yet. */
interface AcceptedHandle {
  readonly fd: number;
  close(): void;
}

interface ListeningHandle {
  onconnection?(status: number, accepted: AcceptedHandle | undefined): void;
}

/**
 * Lets connections be answered before Node makes a socket, a parser, a request and a response of each. These take many
 * times as long as a short answer.
 * @param server which listens
 * @param answer called with the descriptor of each connection; returns whether it is answered, so that it is closed.
 *   Must not throw
 */
export function answerEarly(server: Server, answer: (fd: number) => boolean): void {
  const handle = (server as Server & { _handle: ListeningHandle })._handle;
  const next = handle.onconnection;
  if (!next) return;
  handle.onconnection = function (this: ListeningHandle, status, accepted) {
    if (status === 0 && accepted && accepted.fd >= 0 && answer(accepted.fd)) accepted.close();
    else next.call(this, status, accepted);
  };
}

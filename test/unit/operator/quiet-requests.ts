/** Requests that nobody counts. */
export const quietRequests = { answered() {}, retried() {}, limited() {} };

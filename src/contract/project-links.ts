/** Where the project is published. */
export const projectUrl = 'https://github.com/net-exporter/net-exporter-operator';

/** A link to a heading of a page of the documentation. @param page below docs/ */
export function docsUrl(page: string, anchor: string): string {
  return `${projectUrl}/blob/main/docs/${page}#${anchor}`;
}

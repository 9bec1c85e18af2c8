/**
 * Where a call of a route goes. Stands alone, for clients that bring no shapes along: the console.
 *
 * @module
 */

/**
 * Path and query string of one call of a route.
 *
 * @param path    of the route; `:name` takes the member of that name
 * @param query   members without a place in the path follow as a query string; undefined ones go
 */
export function requestPath(
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): string {
  const left = new URLSearchParams()
  let place = path
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    const named = place.replace(`:${name}`, encodeURIComponent(value))
    if (named === place) left.set(name, value)
    place = named
  }
  return left.size === 0 ? place : `${place}?${left.toString()}`
}

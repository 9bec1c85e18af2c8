/**
 * What the address of the page says.
 *
 * @module
 */

import { useParams, useSearch } from '@tanstack/react-router'

/** A part of the path, such as `link` in `/links/$link`. */
export function useParameter(name: string): string {
  const parameters: Readonly<Record<string, string | undefined>> = useParams({ strict: false })
  return parameters[name] ?? ''
}

/** What follows the question mark, as the route has checked it. */
export function useQuestion(): Readonly<Record<string, unknown>> {
  const question: Readonly<Record<string, unknown>> = useSearch({ strict: false })
  return question
}

/**
 * Ending broken glass before its hour is over.
 *
 * @module
 */

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { askFhir } from '../api.ts'
import { EMERGENCY, type Grant } from './grants.ts'

/** Ends a grant, and lets go of what was read under it. */
export function useEndGlass() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ patient }: Grant) => {
      const resource = { resourceType: 'Parameters' }
      return askFhir({ method: 'POST', url: `${patient}/$end-break-glass`, resource }, EMERGENCY)
    },
    onSuccess: async () => {
      client.removeQueries({ queryKey: ['chart'] })
      client.removeQueries({ queryKey: ['past'] })
      await client.invalidateQueries({ queryKey: ['grants'] })
    },
  })
}

/**
 * The network as this site knows it; screens share one answer.
 *
 * @module
 */

import { useQuery } from '@tanstack/react-query'
import { ask } from '../api.ts'
import { freeIn } from '../network-model.ts'
import { linkOf, noteLevel } from '../pool-levels.ts'

export const useNetwork = () =>
  useQuery({
    queryKey: ['network'],
    queryFn: async () => {
      const network = await ask('network', {}, null)
      for (const one of network.links) noteLevel(linkOf(one.link), freeIn(one))
      return network
    },
    refetchInterval: 2000,
  })

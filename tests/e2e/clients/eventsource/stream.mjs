// Reads a stream with npm's eventsource, which comes back by itself after an error.
//
// Usage: stream.mjs 2|4 URL LOG [AFTER]
//
// Appends {"seq":7,"data":"..."} to LOG for each event, seq being the event's lastEventId, or
// {"gap":"..."}. AFTER is sent as the Last-Event-ID of the first request. When the library gives up,
// it appends {"closed":"<why>"} and ends.

import { appendFileSync } from 'node:fs'
import process from 'node:process'

const [generation, url, log, after] = process.argv.slice(2)

function write(row) {
  appendFileSync(log, JSON.stringify(row) + '\n')
}

async function open() {
  if (generation === '2') {
    const { default: EventSource } = await import('eventsource2')
    return new EventSource(url, after ? { headers: { 'Last-Event-ID': after } } : {})
  }
  const { EventSource } = await import('eventsource4')
  // Its constructor takes no position: what it does not know yet is put into its first request.
  return new EventSource(url, {
    fetch: (address, init) => {
      const headers = { ...(after ? { 'Last-Event-ID': after } : {}), ...init.headers }
      return fetch(address, { ...init, headers })
    },
  })
}

const source = await open()
const take = (event) => write({ seq: Number(event.lastEventId), data: event.data })
source.addEventListener('message', take)
for (const kind of ['player', 'purchase', 'server']) {
  source.addEventListener(kind, take) // under events=named
}
source.addEventListener('gap', (event) => write({ gap: event.data }))
source.addEventListener('error', (event) => {
  const closed = source.readyState === 2 || (event.status !== undefined && event.status !== 200)
  if (closed) {
    write({ closed: `${event.message ?? event.status ?? event.code}` })
    process.exit(1)
  }
})

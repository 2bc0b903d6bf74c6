/* a state machine with a table. */
enum state { IDLE, RUNNING, BLOCKED, DEAD, STATES };
enum event { START, WAIT, WAKE, EXIT, EVENTS };
static const enum state next[STATES][EVENTS] = {
	[IDLE] = { [START] = RUNNING, [EXIT] = DEAD },
	[RUNNING] = { [WAIT] = BLOCKED, [EXIT] = DEAD },
	[BLOCKED] = { [WAKE] = RUNNING, [EXIT] = DEAD },
};
struct machine { enum state state; unsigned long moves; };
int machine_step(struct machine *m, enum event e)
{
	if (m->state >= STATES || e >= EVENTS)
		return -1;
	enum state to = next[m->state][e];
	switch (to) {
	case RUNNING: m->moves++; break;
	case BLOCKED: case DEAD: break;
	default: return -1;
	}
	m->state = to;
	return 0;
}

"""germane: how much can a policy trained in a digital twin lose on the real network?"""

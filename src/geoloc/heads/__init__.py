"""Heads after the aggregator: a projection that is trained, and whitening that is fitted. One file a method."""

"""What trainers of torch models share: settings, length of a run, device, best score, class weights, saved progress.

A library without an entry point, for `gpu-trainer`, `hf-trainer` and any other trainer. What a trainer computes
(batches, forward pass, loss, update) is not here, so that trainers can be checked against each other.
"""

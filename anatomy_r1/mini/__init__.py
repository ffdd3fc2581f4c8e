"""The mini world: a generated miniature of both benchmarks and a tiny Qwen2.5-VL to train in it.

Its numbers show that the code works and that methods can be distinguished; they say nothing about any real model.

    classes, atlas, scene, ask    what a scene shows and what can be asked
    ssg_files, microscopy, world  both benchmarks, written in their real on-disk formats
    released_twin                 a twin of the authors' three training files
    tokenizer, architecture       the real Qwen2.5-VL classes, small
    lessons, scene_lessons, slide_lessons, packing, student, losses, phases, recipe, base    training of the base
    fingerprint, samples          hashes; a page of sample questions
"""
